// Connections between two sockets of this process over the virtual network, through the hooks.
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <thread>

#include "shim/virtual_fd.h"
#include "tests/unit/shim/inet.h"

namespace ztshim::test {
namespace {

TEST(Socket, IsVirtualForStreamsAndDatagramsAndTheKernelsForAllElse) {
  EXPECT_TRUE(virtual_socket(stream_socket().get()));
  EXPECT_TRUE(virtual_socket(UniqueFd(socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP)).get()));
  EXPECT_TRUE(virtual_socket(UniqueFd(socket(AF_INET, SOCK_DGRAM, 0)).get()));
  EXPECT_TRUE(virtual_socket(UniqueFd(socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP)).get()));
  EXPECT_FALSE(virtual_socket(UniqueFd(socket(AF_UNIX, SOCK_STREAM, 0)).get()));
  EXPECT_EQ(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), -1);
  EXPECT_EQ(errno, EPROTONOSUPPORT);
  EXPECT_EQ(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), -1);
  EXPECT_EQ(errno, EPROTONOSUPPORT);
}

TEST(Socket, TakesTheLowestNumberAndTheFlagsAskedFor) {
  const int lowest = dup(0);
  close(lowest);
  const UniqueFd plain = stream_socket();
  EXPECT_EQ(plain.get(), lowest);
  EXPECT_EQ(fcntl(plain.get(), F_GETFD), 0);
  EXPECT_EQ(fcntl(plain.get(), F_GETFL) & O_NONBLOCK, 0);
  const UniqueFd flagged = stream_socket(SOCK_NONBLOCK | SOCK_CLOEXEC);
  EXPECT_EQ(fcntl(flagged.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(flagged.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

TEST(Socket, LeavesErrnoAlone) {
  errno = 4711;
  const UniqueFd fd = stream_socket(SOCK_NONBLOCK);
  EXPECT_EQ(bind_to(fd, kOwnAddress, 0), 0);
  EXPECT_EQ(listen(fd.get(), 1), 0);
  port_of(fd);
  number_option(fd, SOL_SOCKET, SO_TYPE);
  EXPECT_EQ(errno, 4711);
}

TEST(Socket, SaysThatItIsATcpSocket) {
  const UniqueFd four = stream_socket();
  EXPECT_EQ(number_option(four, SOL_SOCKET, SO_DOMAIN), AF_INET);
  EXPECT_EQ(number_option(four, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
  EXPECT_EQ(number_option(four, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
  EXPECT_EQ(number_option(four, SOL_SOCKET, SO_ACCEPTCONN), 0);
  EXPECT_EQ(number_option(four, SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(number_option(UniqueFd(socket(AF_INET6, SOCK_STREAM, 0)), SOL_SOCKET, SO_DOMAIN),
            AF_INET6);
  EXPECT_EQ(number_option(listener_on(kOwnAddress), SOL_SOCKET, SO_ACCEPTCONN), 1);
}

TEST(Connection, CarriesBytesBothWaysAndHasNames) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0) << errno;
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  const UniqueFd server(accept(listener.get(), reinterpret_cast<sockaddr*>(&peer), &size));
  ASSERT_TRUE(server);
  EXPECT_EQ(size, sizeof peer);
  EXPECT_EQ(ntohs(peer.sin_port), port_of(client));

  EXPECT_EQ(name_by(getpeername, client), name_by(getsockname, listener));
  EXPECT_EQ(name_by(getpeername, server), name_by(getsockname, client));
  EXPECT_EQ(name_by(getsockname, server), name_by(getpeername, client));

  ASSERT_EQ(write(client.get(), "question", 8), 8);
  EXPECT_EQ(read_all(server, 8), "question");
  ASSERT_EQ(write(server.get(), "answer", 6), 6);
  EXPECT_EQ(read_all(client, 6), "answer");
}

TEST(Connection, EndsInHalves) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
  const UniqueFd server = accepted_from(listener);
  ASSERT_EQ(write(client.get(), "last", 4), 4);
  ASSERT_EQ(shutdown(client.get(), SHUT_WR), 0);
  EXPECT_EQ(read_all(server, 100), "last");
  ASSERT_EQ(write(server.get(), "reply", 5), 5);
  EXPECT_EQ(read_all(client, 5), "reply");
}

TEST(Connection, ClosedWithUnreadDataIsReset) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
  UniqueFd server = accepted_from(listener);
  ASSERT_EQ(write(client.get(), "unread", 6), 6);
  wait_for(server, POLLIN);
  server.reset();
  EXPECT_NE(wait_for(client, POLLIN) & POLLERR, 0);
  char byte;
  EXPECT_EQ(read(client.get(), &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(read(client.get(), &byte, 1), 0);
}

TEST(NonBlockingConnect, IsNotWritableBeforeItIsEstablished) {
  const UniqueFd client = stream_socket(SOCK_NONBLOCK);
  ASSERT_EQ(connect_to(client, kAbsentAddress, 80), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  EXPECT_EQ(poll_now(client), 0);
  EXPECT_EQ(number_option(client, SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(name_by(getpeername, client), "errno " + std::to_string(ENOTCONN));
  EXPECT_EQ(name_by(getsockname, client).rfind(kOwnAddress, 0), 0u);
  EXPECT_EQ(connect_to(client, kAbsentAddress, 80), -1);
  EXPECT_EQ(errno, EALREADY);
  char byte;
  EXPECT_EQ(read(client.get(), &byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  // A larger buffer would open the gate.
  const int large = 150'000;
  EXPECT_EQ(setsockopt(client.get(), SOL_SOCKET, SO_SNDBUF, &large, sizeof large), 0);
  EXPECT_EQ(poll_now(client), 0);
}

TEST(NonBlockingConnect, BecomesWritableAndSucceedsOnce) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket(SOCK_NONBLOCK);
  const UniqueFd set(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{EPOLLOUT | EPOLLET, {.u64 = 1}};
  ASSERT_EQ(epoll_ctl(set.get(), EPOLL_CTL_ADD, client.get(), &event), 0);
  epoll_event got{};
  while (epoll_wait(set.get(), &got, 1, 0) == 1) {
  }
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  ASSERT_EQ(epoll_wait(set.get(), &got, 1, 10'000), 1);
  EXPECT_EQ(got.events, static_cast<std::uint32_t>(EPOLLOUT));
  EXPECT_EQ(number_option(client, SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
  EXPECT_EQ(connect_to(client, kOwnAddress, port_of(listener)), -1);
  EXPECT_EQ(errno, EISCONN);
  const UniqueFd server = accepted_from(listener);
  ASSERT_EQ(write(client.get(), "x", 1), 1);
  EXPECT_EQ(read_all(server, 1), "x");  // and nothing of the gate
}

TEST(BlockingConnect, SucceedsAndIsConnectedAfterwards) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
  EXPECT_EQ(connect_to(client, kOwnAddress, port_of(listener)), -1);
  EXPECT_EQ(errno, EISCONN);
}

int closed_port() {
  const UniqueFd listener = listener_on(kOwnAddress);
  return port_of(listener);
}

TEST(RefusedConnect, FailsAtOnceAndTheSocketCanBeUsedAgain) {
  const int port = closed_port();
  const UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_EQ(number_option(client, SOL_SOCKET, SO_ERROR), 0);
  const UniqueFd listener = listener_on(kOwnAddress);
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0) << errno;
  const UniqueFd server = accepted_from(listener);
  ASSERT_EQ(write(client.get(), "again", 5), 5);
  EXPECT_EQ(read_all(server, 5), "again");
}

TEST(RefusedConnect, IsToldOnceBySoError) {
  const UniqueFd client = stream_socket(SOCK_NONBLOCK);
  ASSERT_EQ(connect_to(client, kOwnAddress, closed_port()), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  EXPECT_EQ(wait_for(client, POLLIN | POLLOUT | POLLRDHUP),
            POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
  EXPECT_EQ(number_option(client, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  EXPECT_EQ(number_option(client, SOL_SOCKET, SO_ERROR), 0);
  char byte;
  EXPECT_EQ(read(client.get(), &byte, 1), 0);
}

TEST(RefusedConnect, IsToldByASecondConnectThatStartsNothing) {
  const int port = closed_port();
  const UniqueFd client = stream_socket(SOCK_NONBLOCK);
  ASSERT_EQ(connect_to(client, kOwnAddress, port), -1);
  wait_for(client, POLLOUT);
  EXPECT_EQ(connect_to(client, kOwnAddress, port), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_EQ(number_option(client, SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(connect_to(client, kOwnAddress, port), -1);
  EXPECT_EQ(errno, EINPROGRESS);  // a new attempt
}

TEST(AbsentAddress, HasNoRoute) {
  const UniqueFd client = stream_socket();
  EXPECT_EQ(connect_to(client, kAbsentAddress, 80), -1);
  EXPECT_EQ(errno, EHOSTUNREACH);
}

TEST(ConnectUnspec, LeavesASocketThatCanConnect) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
  const UniqueFd server = accepted_from(listener);
  sockaddr nothing{};
  nothing.sa_family = AF_UNSPEC;
  ASSERT_EQ(connect(client.get(), &nothing, sizeof nothing), 0);
  EXPECT_EQ(name_by(getpeername, client), "errno " + std::to_string(ENOTCONN));
  EXPECT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
}

TEST(SixSockets, CarryIpv6AndMappedIpv4) {
  UniqueFd listener(socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0) << errno;
  ASSERT_EQ(listen(listener.get(), 4), 0);
  socklen_t size = sizeof any;
  ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
  EXPECT_EQ(size, sizeof any);

  const UniqueFd four = stream_socket();
  ASSERT_EQ(connect_to(four, kOwnAddress, ntohs(any.sin6_port)), 0) << errno;
  sockaddr_in6 peer{};
  size = sizeof peer;
  const UniqueFd accepted(accept(listener.get(), reinterpret_cast<sockaddr*>(&peer), &size));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(size, sizeof peer);
  EXPECT_EQ(peer.sin6_family, AF_INET6);
  EXPECT_TRUE(IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr));

  const UniqueFd six(socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = any.sin6_port;
  ASSERT_EQ(inet_pton(AF_INET6, "fd09::1", &to.sin6_addr), 1);
  ASSERT_EQ(connect(six.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0) << errno;
  EXPECT_TRUE(accepted_from(listener));
}

TEST(Addresses, OfTheWrongFamilyOrSizeAreRefusedAsByTheKernel) {
  const UniqueFd four = stream_socket();
  const UniqueFd six(socket(AF_INET6, SOCK_STREAM, 0));
  const sockaddr_in in = address_of(kOwnAddress, 1);
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  const auto* const raw = reinterpret_cast<const sockaddr*>(&in);
  const auto* const raw6 = reinterpret_cast<const sockaddr*>(&in6);
  EXPECT_EQ(connect(four.get(), raw6, sizeof in6), -1);
  EXPECT_EQ(errno, EAFNOSUPPORT);
  EXPECT_EQ(connect(six.get(), raw, sizeof in), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(connect(four.get(), raw, sizeof in - 1), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(connect(four.get(), nullptr, sizeof in), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(bind(four.get(), raw, 4096), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(bind(four.get(), reinterpret_cast<const sockaddr*>(-1L), sizeof in), -1);
  EXPECT_EQ(errno, EFAULT);
  socklen_t size = sizeof in;
  EXPECT_EQ(getsockname(four.get(), nullptr, &size), -1);
  EXPECT_EQ(errno, EFAULT);
  sockaddr_in out{};
  EXPECT_EQ(getsockname(four.get(), reinterpret_cast<sockaddr*>(&out), nullptr), -1);
  EXPECT_EQ(errno, EFAULT);
  size = static_cast<socklen_t>(-1);
  EXPECT_EQ(getsockname(four.get(), reinterpret_cast<sockaddr*>(&out), &size), -1);
  EXPECT_EQ(errno, EINVAL);
  size = 4;
  EXPECT_EQ(getsockname(four.get(), reinterpret_cast<sockaddr*>(&out), &size), 0);
  EXPECT_EQ(size, sizeof out);
  EXPECT_EQ(getsockopt(four.get(), SOL_SOCKET, SO_TYPE, nullptr, &size), -1);
  EXPECT_EQ(errno, EFAULT);
}

TEST(Options, AreRememberedAndReportedAndFollowTheListener) {
  const UniqueFd listener = stream_socket();
  const int on = 1;
  ASSERT_EQ(setsockopt(listener.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
  ASSERT_EQ(setsockopt(listener.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), 0);
  ASSERT_EQ(bind_to(listener, kOwnAddress, 0), 0);
  ASSERT_EQ(listen(listener.get(), 4), 0);
  const UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
  const UniqueFd server = accepted_from(listener);
  EXPECT_EQ(number_option(server, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(number_option(server, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(number_option(client, IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_EQ(number_option(client, IPPROTO_TCP, 12345), -ENOPROTOOPT);
  timeval limit{1, 500'000};
  ASSERT_EQ(setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  timeval got{};
  socklen_t size = sizeof got;
  ASSERT_EQ(getsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &got, &size), 0);
  EXPECT_EQ(got.tv_sec, 1);
}

TEST(Shutdown, NeedsAConnection) {
  const UniqueFd fresh = stream_socket();
  EXPECT_EQ(shutdown(fresh.get(), SHUT_WR), -1);
  EXPECT_EQ(errno, ENOTCONN);
  EXPECT_EQ(shutdown(fresh.get(), 3), -1);
  EXPECT_EQ(errno, EINVAL);
}

}  // namespace
}  // namespace ztshim::test
