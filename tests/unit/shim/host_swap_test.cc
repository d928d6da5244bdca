// Sockets that turn out to be for the host, and waiting for networks that are not up yet.
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <chrono>
#include <thread>

#include "common/real.h"
#include "shim/virtual_fd.h"
#include "tests/unit/shim/inet.h"

namespace ztshim::test {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

// A kernel socket, made past the hooks.
UniqueFd host_listener() {
  UniqueFd fd(real().socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = address_of(kLoopback, 0);
  EXPECT_EQ(real().bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(real().listen(fd.get(), 4), 0);
  return fd;
}

TEST(HostDestination, KeepsNumberFlagsAndOptions) {
  const UniqueFd listener = host_listener();
  const UniqueFd client = stream_socket(SOCK_CLOEXEC);
  const int number = client.get();
  const int on = 1;
  ASSERT_EQ(setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
  const timeval limit{7, 0};
  ASSERT_EQ(setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  ASSERT_EQ(connect_to(client, kLoopback, port_of(listener)), 0) << errno;
  EXPECT_FALSE(virtual_socket(number));
  EXPECT_EQ(fcntl(number, F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(number_option(client, IPPROTO_TCP, TCP_NODELAY), 1);
  timeval got{};
  socklen_t size = sizeof got;
  EXPECT_EQ(getsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &got, &size), 0);
  EXPECT_EQ(got.tv_sec, 7);
  const UniqueFd server = accepted_from(listener);
  ASSERT_EQ(write(client.get(), "host", 4), 4);
  EXPECT_EQ(read_all(server, 4), "host");
}

TEST(HostDestination, KeepsEpollRegistrationsWithTheirData) {
  const UniqueFd listener = host_listener();
  const UniqueFd client = stream_socket(SOCK_NONBLOCK);
  const UniqueFd sets[] = {UniqueFd(epoll_create1(EPOLL_CLOEXEC)),
                           UniqueFd(epoll_create1(EPOLL_CLOEXEC))};
  for (const UniqueFd& set : sets) {
    epoll_event event{EPOLLIN | EPOLLOUT | EPOLLET, {.u64 = 0xabcdef0123456789}};
    ASSERT_EQ(epoll_ctl(set.get(), EPOLL_CTL_ADD, client.get(), &event), 0);
  }
  connect_to(client, kLoopback, port_of(listener));
  wait_for(client, POLLOUT);
  for (const UniqueFd& set : sets) {
    epoll_event got{};
    ASSERT_EQ(epoll_wait(set.get(), &got, 1, 10'000), 1);
    const std::uint64_t data = got.data.u64;  // packed, no reference to it
    EXPECT_EQ(data, 0xabcdef0123456789);
    EXPECT_NE(got.events & EPOLLOUT, 0u);
    EXPECT_EQ(epoll_wait(set.get(), &got, 1, 0), 0);
    EXPECT_EQ(epoll_ctl(set.get(), EPOLL_CTL_DEL, client.get(), nullptr), 0);
  }
}

TEST(HostDestination, KeepsSignalDrivenIo) {
  const UniqueFd listener = host_listener();
  const UniqueFd client = stream_socket();
  ASSERT_EQ(fcntl(client.get(), F_SETOWN, getpid()), 0);
  ASSERT_EQ(fcntl(client.get(), F_SETSIG, SIGURG), 0);
  ASSERT_EQ(fcntl(client.get(), F_SETFL, fcntl(client.get(), F_GETFL) | O_ASYNC), 0);
  ASSERT_EQ(connect_to(client, kLoopback, port_of(listener)), 0);
  EXPECT_EQ(fcntl(client.get(), F_GETOWN), getpid());
  EXPECT_EQ(fcntl(client.get(), F_GETSIG), SIGURG);
  EXPECT_NE(fcntl(client.get(), F_GETFL) & O_ASYNC, 0);
}

TEST(HostDestination, RefusesAsTheKernelDoes) {
  int port = 0;
  {
    const UniqueFd listener = host_listener();
    port = port_of(listener);
  }
  const UniqueFd client = stream_socket();
  EXPECT_EQ(connect_to(client, kLoopback, port), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST(HostAddress, BoundToLoopbackIsAKernelListener) {
  const UniqueFd listener = listener_on(kLoopback);
  EXPECT_FALSE(virtual_socket(listener.get()));
  const UniqueFd client(real().socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = address_of(kLoopback, port_of(listener));
  EXPECT_EQ(
      real().connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(accepted_from(listener));
}

TEST(HostAddress, OfSixIsAKernelListenerToo) {
  const UniqueFd fd(socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << errno;
  EXPECT_FALSE(virtual_socket(fd.get()));
}

class NetworksDown : public ::testing::Test {
 protected:
  void SetUp() override {
    const UniqueFd warm_up = stream_socket();  // the service runs
    set_networks_ready(false);
  }
  void TearDown() override { set_networks_ready(true); }
};

// 192.0.2.0/24 is nobody's (RFC 5737): not virtual here, and no host has a route worth waiting for.
constexpr const char* kElsewhere = "192.0.2.1";

TEST_F(NetworksDown, StillLetLoopbackThroughAtOnce) {
  const UniqueFd listener = host_listener();
  const UniqueFd client = stream_socket();
  EXPECT_EQ(connect_to(client, kLoopback, port_of(listener)), 0);
}

TEST_F(NetworksDown, DoNotHoldUpAnAddressThatIsUp) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket();
  EXPECT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
}

TEST_F(NetworksDown, EndTheWaitWithNetworkDown) {
  const UniqueFd client = stream_socket();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(connect_to(client, kElsewhere, 80), -1);
  EXPECT_EQ(errno, ENETDOWN);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(900));
  EXPECT_EQ(bind_to(client, kElsewhere, 80), -1);
  EXPECT_EQ(errno, EADDRNOTAVAIL);
  EXPECT_TRUE(virtual_socket(client.get()));
}

TEST_F(NetworksDown, AreWaitedForUntilTheyAreUp) {
  const UniqueFd client = stream_socket();
  std::thread network([] { set_networks_ready(true); });
  // Now it is known not to be ours; the host is asked, who has no such address either.
  EXPECT_EQ(bind_to(client, kElsewhere, 0), -1);
  EXPECT_EQ(errno, EADDRNOTAVAIL);
  network.join();
  EXPECT_FALSE(virtual_socket(client.get()));
}

TEST(Networks, OfTheEnvironmentAreJoinedOnce) {
  const UniqueFd fd = stream_socket();
  EXPECT_EQ(networks_joined(), 1);
}

}  // namespace
}  // namespace ztshim::test
