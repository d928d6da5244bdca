// How the end of a connection is seen through a pair (interposition 2.1, 3.3).
#include "tests/platform/pair.h"

namespace ztshim::platform {
namespace {

ssize_t receive(const UniqueFd& fd) {
  char buffer[16];
  return recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
}

TEST(NewestByte, UnreadMakesTheClosedEndLookReset) {
  Pair pair;
  write_bytes(pair.application, 1);
  write_bytes(pair.service, 5);  // arrived before the reset
  pair.service.reset();
  EXPECT_EQ(poll_bits(pair.application), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
  EXPECT_EQ(receive(pair.application), 5);
  EXPECT_EQ(receive(pair.application), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(receive(pair.application), 0);
}

TEST(NewestByte, ReadMakesTheClosedEndLookFinished) {
  Pair pair;
  write_bytes(pair.application, 1);
  drain_bytes(pair.service, 1);
  pair.service.reset();
  EXPECT_EQ(receive(pair.application), 0);
  EXPECT_EQ(option(pair.application, SO_ERROR), 0);
}

TEST(NewestByte, CanBePeekedAndStays) {
  Pair pair;
  write_bytes(pair.application, 3);
  drain_bytes(pair.service, 2);
  char byte = 0;
  EXPECT_EQ(recv(pair.service.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT), 1);
  int queued = 0;
  EXPECT_EQ(ioctl(pair.service.get(), FIONREAD, &queued), 0);
  EXPECT_EQ(queued, 1);
}

TEST(Shutdown, OfTheServicesWritingShowsAFinAndNoHangUp) {
  Pair pair;
  ASSERT_EQ(shutdown(pair.service.get(), SHUT_WR), 0);
  EXPECT_EQ(poll_bits(pair.application), POLLIN | POLLOUT | POLLRDHUP);
  EXPECT_EQ(receive(pair.application), 0);
  write_bytes(pair.application, 10);
}

TEST(Shutdown, OfTheApplicationsWritingIsNoHangUpForTheService) {
  Pair pair;
  ASSERT_EQ(shutdown(pair.application.get(), SHUT_WR), 0);
  EXPECT_EQ(poll_bits(pair.service), POLLIN | POLLOUT | POLLRDHUP);
  pair.application.reset();
  EXPECT_NE(poll_bits(pair.service) & POLLHUP, 0);
}

TEST(Queue, CountsBytesExactlyOnAStream) {
  Pair pair;
  write_bytes(pair.application, 1234);
  int queued = 0;
  ASSERT_EQ(ioctl(pair.service.get(), FIONREAD, &queued), 0);
  EXPECT_EQ(queued, 1234);
}

}  // namespace
}  // namespace ztshim::platform
