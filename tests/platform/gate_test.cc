// The connect gate: an AF_UNIX stream is writable while queued memory x 4 <= SO_SNDBUF
// (interposition 2.2, 3.1).
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "common/fd_contract.h"
#include "tests/platform/pair.h"

namespace ztshim::platform {
namespace {

std::size_t fill_gate(const Pair& pair) {
  const std::size_t size = gate_size(option(pair.application, SO_SNDBUF));
  write_bytes(pair.application, size - kSeedSize);
  write_bytes(pair.application, kSeedSize);
  return size;
}

// sendfile(2) puts up to 64 KiB into one kernel buffer, all of it charged to the writer until its
// last byte is read. A service that leaves that byte unread (the newest-byte rule) needs a send
// buffer of more than four times this, or the writer never becomes writable again: nginx stalled
// after 256 KiB.
TEST(NewestByte, OfASendfileLeavesTheWriterWritableOnlyWithALargeBuffer) {
  constexpr int kLeastSendBuffer = 139264;  // service/sockets/constants.h
  const Pair pair;
  ASSERT_EQ(setsockopt(pair.application.get(), SOL_SOCKET, SO_SNDBUF, &kLeastSendBuffer,
                       sizeof kLeastSendBuffer),
            0);
  if (option(pair.application, SO_SNDBUF) < 2 * kLeastSendBuffer) {
    GTEST_SKIP() << "net.core.wmem_max is smaller than its default";
  }
  const UniqueFd file(memfd_create("page", MFD_CLOEXEC));
  const std::vector<char> content(1 << 20, 's');
  ASSERT_EQ(write(file.get(), content.data(), content.size()), 1 << 20);
  off_t at = 0;
  while (sendfile(pair.application.get(), file.get(), &at, 1 << 20) > 0) {
  }
  EXPECT_EQ(poll_bits(pair.application), 0);
  drain_bytes(pair.service, static_cast<std::size_t>(at) - 1);
  EXPECT_EQ(poll_bits(pair.application), POLLOUT);
}

class Gate : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const int size = GetParam();
    if (size != 0) {
      // The kernel doubles it and caps it at wmem_max; whatever comes out must hold.
      ASSERT_EQ(setsockopt(pair_.application.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    }
  }
  Pair pair_;
};

TEST_P(Gate, MakesTheEndUnwritableForPollAndBothKindsOfEpoll) {
  EpollSet edge, level;
  edge.add(pair_.application, EPOLLIN | EPOLLOUT | EPOLLET);
  EXPECT_EQ(edge.poll(), EPOLLOUT);  // as fresh
  fill_gate(pair_);
  level.add(pair_.application, EPOLLIN | EPOLLOUT);
  EXPECT_EQ(poll_bits(pair_.application), 0);
  EXPECT_EQ(edge.poll(), 0u);
  EXPECT_EQ(level.poll(), 0u);
}

TEST_P(Gate, OpensWithOneEdgeWhenAllButTheSeedIsDrained) {
  EpollSet edge;
  edge.add(pair_.application, EPOLLOUT | EPOLLET);
  EXPECT_EQ(edge.poll(), EPOLLOUT);
  const std::size_t size = fill_gate(pair_);
  drain_bytes(pair_.service, size - kSeedSize);
  EXPECT_EQ(poll_bits(pair_.application), POLLOUT);
  EXPECT_EQ(edge.poll(), EPOLLOUT);
  EXPECT_EQ(edge.poll(), 0u);
}

TEST_P(Gate, ThatWasFilledBeforeTheSetKnewTheEndGivesAnEdgeToo) {
  const std::size_t size = fill_gate(pair_);
  EpollSet edge;
  edge.add(pair_.application, EPOLLOUT | EPOLLET);
  EXPECT_EQ(edge.poll(), 0u);
  drain_bytes(pair_.service, size - kSeedSize);
  EXPECT_EQ(edge.poll(), EPOLLOUT);
}

TEST_P(Gate, ClosedByTheServiceShowsTheBitsOfARefusedConnection) {
  fill_gate(pair_);
  pair_.service.reset();
  EXPECT_EQ(poll_bits(pair_.application), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
  EXPECT_EQ(option(pair_.application, SO_ERROR), ECONNRESET);
  EXPECT_EQ(option(pair_.application, SO_ERROR), 0);
}

// 0: the default; 1: the smallest there is (4608); the last is capped by wmem_max for most users.
INSTANTIATE_TEST_SUITE_P(SendBuffers, Gate,
                         ::testing::Values(0, 1, 4096, 16'384, 65'536, 100'000, 4'000'000));

TEST(GatedEnd, IsOpenedByALargerSendBuffer) {
  Pair pair;
  const int small = 16'384;
  ASSERT_EQ(setsockopt(pair.application.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  fill_gate(pair);
  EXPECT_EQ(poll_bits(pair.application), 0);
  const int large = 65'536;
  ASSERT_EQ(setsockopt(pair.application.get(), SOL_SOCKET, SO_SNDBUF, &large, sizeof large), 0);
  EXPECT_EQ(poll_bits(pair.application), POLLOUT);
}

TEST(GatedEnd, TellsTheServiceWhenTheApplicationClosesIt) {
  Pair pair;
  fill_gate(pair);
  EpollSet edge;
  edge.add(pair.service, EPOLLIN | EPOLLRDHUP | EPOLLET);
  EXPECT_NE(edge.poll(), 0u);
  pair.application.reset();
  EXPECT_EQ(edge.poll() & (EPOLLHUP | EPOLLRDHUP), EPOLLHUP | EPOLLRDHUP);
}

}  // namespace
}  // namespace ztshim::platform
