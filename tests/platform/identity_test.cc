// What names a repurposed fd, and what survives when its number changes hands (interposition 2.2,
// 6).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cstring>
#include <string>

#include "common/fd_contract.h"
#include "tests/platform/pair.h"

namespace ztshim::platform {
namespace {

const SocketName kName{ServiceId{0xfeedfacecafebeef}, SocketId{1}};

class Bind : public ::testing::TestWithParam<int> {};

TEST_P(Bind, WorksOnAConnectedPairAndIsSeenByTheOtherEnd) {
  Pair pair(GetParam());
  sockaddr_un address{};
  const socklen_t length = kName.to_sockaddr(address);
  ASSERT_EQ(bind(pair.application.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  sockaddr_un seen{};
  socklen_t size = sizeof seen;
  ASSERT_EQ(getpeername(pair.service.get(), reinterpret_cast<sockaddr*>(&seen), &size), 0);
  EXPECT_EQ(SocketName::from_sockaddr(seen, size), kName);
  write_bytes(pair.application, 3);  // still connected
  drain_bytes(pair.service, 3);
}
INSTANTIATE_TEST_SUITE_P(Carriers, Bind, ::testing::Values(SOCK_STREAM, SOCK_SEQPACKET));

TEST(Name, IsFreeAgainWhenTheLastCopyIsClosed) {
  sockaddr_un address{};
  const socklen_t length = kName.to_sockaddr(address);
  for (int round = 0; round < 2; ++round) {
    Pair pair;
    EXPECT_EQ(bind(pair.application.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  }
}

TEST(InetAddresses, AreRefusedByAPairInsteadOfLeavingByTheHost) {
  Pair pair;
  sockaddr_storage address{};
  const Endpoint endpoint{IpAddress::v4(0x7f000001), 9};
  const socklen_t length = endpoint.to_sockaddr(address);
  const auto* const raw = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(connect(pair.application.get(), raw, length), -1);
  EXPECT_TRUE(errno == EINVAL || errno == EISCONN) << errno;
  EXPECT_EQ(bind(pair.application.get(), raw, length), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(listen(pair.application.get(), 1), -1);
}

// The listener mark of fd_contract.h.
TEST(DontRoute, IsAnInertBitOfAnAfUnixSocketThatCopiesShare) {
  Pair pair;
  const int on = 1;
  ASSERT_EQ(setsockopt(pair.application.get(), SOL_SOCKET, SO_DONTROUTE, &on, sizeof on), 0);
  const UniqueFd copy(dup(pair.application.get()));
  EXPECT_EQ(option(copy, SO_DONTROUTE), 1);
  EXPECT_EQ(option(pair.service, SO_DONTROUTE), 0);
  write_bytes(pair.application, 100);
  drain_bytes(pair.service, 100);
}

TEST(Dup3, LosesTheEpollRegistrationOfTheFileItReplaces) {
  Pair old_pair, new_pair;
  EpollSet set;
  set.add(old_pair.application, EPOLLIN);
  ASSERT_EQ(dup3(new_pair.application.get(), old_pair.application.get(), O_CLOEXEC),
            old_pair.application.get());
  write_bytes(new_pair.service, 1);
  EXPECT_EQ(set.poll(), 0u);
  set.add(old_pair.application, EPOLLIN);  // not EEXIST: it is another file
  EXPECT_EQ(set.poll(), EPOLLIN);
}

TEST(Fdinfo, OfAnEpollSetListsNumberEventsDataAndInode) {
  Pair pair;
  EpollSet set;
  epoll_event event{EPOLLIN | EPOLLET, {.u64 = 0x1122334455667788}};
  ASSERT_EQ(epoll_ctl(set.get(), EPOLL_CTL_ADD, pair.application.get(), &event), 0);
  const UniqueFd file(
      open(("/proc/self/fdinfo/" + std::to_string(set.get())).c_str(), O_RDONLY | O_CLOEXEC));
  char text[1024] = "";
  ASSERT_GT(read(file.get(), text, sizeof text - 1), 0);
  for (const char* const part : {"tfd:", "events: 80000019", "data: 1122334455667788", "ino:"}) {
    EXPECT_NE(strstr(text, part), nullptr) << part << " in\n" << text;
  }
}

TEST(WipedMemory, IsEmptyInAForkedChildAndIntactInTheParent) {
  auto* const page = static_cast<int*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(page, MAP_FAILED);
  ASSERT_EQ(madvise(page, 4096, MADV_WIPEONFORK), 0);
  *page = 7;
  const pid_t child = fork();
  if (child == 0) _exit(*page);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(*page, 7);
  munmap(page, 4096);
}

}  // namespace
}  // namespace ztshim::platform
