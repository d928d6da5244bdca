// Passing accepted descriptors over a listener's pair (interposition 2.2, 4).
#include <fcntl.h>
#include <sys/resource.h>

#include <array>
#include <cstring>

#include "common/fd_contract.h"
#include "tests/platform/pair.h"

namespace ztshim::platform {
namespace {

void pass(const UniqueFd& over, const UniqueFd& fd) {
  std::array<char, AcceptMessage::kSize> bytes{};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* const item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(sizeof(int));
  const int raw = fd.get();
  memcpy(CMSG_DATA(item), &raw, sizeof raw);
  ASSERT_EQ(sendmsg(over.get(), &header, MSG_DONTWAIT), static_cast<ssize_t>(bytes.size()));
}

struct Taken {
  ssize_t size = 0;
  int flags = 0;
  UniqueFd fd;
};
Taken take(const UniqueFd& from, std::size_t room = AcceptMessage::kSize) {
  std::array<char, 4 * AcceptMessage::kSize> bytes{};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{bytes.data(), room};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  Taken taken;
  taken.size = recvmsg(from.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  taken.flags = header.msg_flags;
  const cmsghdr* const item = CMSG_FIRSTHDR(&header);
  if (taken.size > 0 && item != nullptr) {
    int fd = -1;
    memcpy(&fd, CMSG_DATA(item), sizeof fd);
    taken.fd.reset(fd);
  }
  return taken;
}

TEST(PassedFds, ComeOnePerMessageHoweverLargeTheBufferIs) {
  Pair listener, connection;
  pass(listener.service, connection.application);
  pass(listener.service, connection.application);
  for (int i = 0; i < 2; ++i) {
    const Taken taken = take(listener.application, 4 * AcceptMessage::kSize);
    EXPECT_EQ(taken.size, static_cast<ssize_t>(AcceptMessage::kSize));
    EXPECT_TRUE(taken.fd);
  }
  EXPECT_EQ(take(listener.application).size, -1);
}

TEST(PassedFds, AreLostWithoutAFreeNumberAndTheMessageSaysSo) {
  Pair listener, connection;
  pass(listener.service, connection.application);
  connection.application.reset();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  // Numbers 0 to 2 may be free in a harness that closed them.
  std::array<UniqueFd, 3> fillers;
  for (UniqueFd& filler : fillers) filler.reset(dup(listener.service.get()));
  EXPECT_EQ(fcntl(listener.application.get(), F_DUPFD_CLOEXEC, 0), -1);
  EXPECT_EQ(errno, EMFILE);
  const Taken taken = take(listener.application);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(taken.size, static_cast<ssize_t>(AcceptMessage::kSize));
  EXPECT_NE(taken.flags & MSG_CTRUNC, 0);
  EXPECT_FALSE(taken.fd);
  EXPECT_NE(poll_bits(connection.service) & POLLHUP, 0);  // nobody holds the other end any more
}

TEST(PassedFds, InTheQueueOfAClosedListenerAreClosedWithIt) {
  Pair listener, connection;
  pass(listener.service, connection.application);
  connection.application.reset();
  EXPECT_EQ(poll_bits(connection.service) & POLLHUP, 0);
  listener.application.reset();
  EXPECT_NE(poll_bits(connection.service) & POLLHUP, 0);
}

TEST(PassedFds, KeepTheirOwnNonBlockingFlagAndGetCloseOnExecFromTheReceiver) {
  Pair listener, connection;
  ASSERT_EQ(fcntl(connection.application.get(), F_SETFL, 0), 0);
  pass(listener.service, connection.application);
  const Taken taken = take(listener.application);
  EXPECT_EQ(fcntl(taken.fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(taken.fd.get(), F_GETFD), FD_CLOEXEC);
}

// The service can write the seed byte through the end it is about to give away.
TEST(PassedFds, CarryWhatWasWrittenIntoThemBefore) {
  Pair listener, connection;
  write_bytes(connection.application, kSeedSize);
  pass(listener.service, connection.application);
  connection.application.reset();
  drain_bytes(connection.service, kSeedSize);
}

}  // namespace
}  // namespace ztshim::platform
