// Datagram sockets between the host and the networks: a program may connect one socket to a server
// of either kind after the other.
#include <sys/epoll.h>

#include "common/real.h"
#include "shim/virtual_fd.h"
#include "tests/unit/shim/inet.h"

namespace ztshim::test {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

UniqueFd datagram_socket() { return UniqueFd(socket(AF_INET, SOCK_DGRAM, 0)); }

UniqueFd bound_datagram(const char* ip) {
  UniqueFd fd = datagram_socket();
  EXPECT_EQ(bind_to(fd, ip, 0), 0) << errno;
  return fd;
}

std::string received(const UniqueFd& fd) {
  char text[64];
  wait_for(fd, POLLIN);
  const ssize_t size = recv(fd.get(), text, sizeof text, MSG_DONTWAIT);
  return size < 0 ? "errno " + std::to_string(errno)
                  : std::string(text, static_cast<std::size_t>(size));
}

TEST(DatagramSwap, GoesToTheHostAndBackAndToTheHostAgain) {
  const UniqueFd host = bound_datagram(kLoopback);
  const UniqueFd mine = bound_datagram(kOwnAddress);
  EXPECT_FALSE(virtual_socket(host.get()));
  EXPECT_TRUE(virtual_socket(mine.get()));
  const UniqueFd client = datagram_socket();
  const timeval limit{7, 0};
  ASSERT_EQ(setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  const UniqueFd set(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{EPOLLIN, {.u64 = 4711}};
  ASSERT_EQ(epoll_ctl(set.get(), EPOLL_CTL_ADD, client.get(), &event), 0);
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(connect_to(client, kLoopback, port_of(host)), 0) << errno;
    EXPECT_FALSE(virtual_socket(client.get()));
    ASSERT_EQ(write(client.get(), "host", 4), 4);
    EXPECT_EQ(received(host), "host");
    ASSERT_EQ(connect_to(client, kOwnAddress, port_of(mine)), 0) << errno;
    EXPECT_TRUE(virtual_socket(client.get()));
    EXPECT_EQ(name_by(getpeername, client),
              std::string(kOwnAddress) + ":" + std::to_string(port_of(mine)));
    ASSERT_EQ(write(client.get(), "mine", 4), 4) << errno;
    EXPECT_EQ(received(mine), "mine");
  }
  ASSERT_EQ(connect_to(mine, kOwnAddress, port_of(client)), 0);
  ASSERT_EQ(write(mine.get(), "back", 4), 4);
  epoll_event got{};
  ASSERT_EQ(epoll_wait(set.get(), &got, 1, 10'000), 1);
  const std::uint64_t data = got.data.u64;  // packed, no reference to it
  EXPECT_EQ(data, 4711U);
  EXPECT_EQ(received(client), "back");
  timeval kept{};
  socklen_t size = sizeof kept;
  EXPECT_EQ(getsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &kept, &size), 0);
  EXPECT_EQ(kept.tv_sec, 7);
}

TEST(DatagramSwap, KeepsAPortThatWasBound) {
  const UniqueFd host = bound_datagram(kLoopback);
  const UniqueFd mine = bound_datagram(kOwnAddress);
  const UniqueFd client = bound_datagram("0.0.0.0");
  const int port = port_of(client);
  ASSERT_EQ(connect_to(client, kLoopback, port_of(host)), 0) << errno;
  EXPECT_EQ(port_of(client), port);
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(mine)), 0) << errno;
  EXPECT_EQ(port_of(client), port);
}

// Sockets of the host that were bound to one of its addresses stay there.
TEST(DatagramSwap, LeavesWhatIsBoundToTheHost) {
  const UniqueFd mine = bound_datagram(kOwnAddress);
  const UniqueFd client = bound_datagram(kLoopback);
  connect_to(client, kOwnAddress, port_of(mine));
  EXPECT_FALSE(virtual_socket(client.get()));
}

TEST(DatagramSwap, TakesNoStreams) {
  const UniqueFd client(real().socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  connect_to(client, kOwnAddress, 9);
  EXPECT_FALSE(virtual_socket(client.get()));
}

TEST(RawIcmp, IsForThoseWhomTheKernelGivesOne) {
  const UniqueFd host(real().socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  const int error = errno;
  const UniqueFd fd(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  if (!host) {
    EXPECT_FALSE(fd);
    EXPECT_EQ(errno, error);
  }
}

}  // namespace
}  // namespace ztshim::test
