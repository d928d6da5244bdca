// Listeners: what accept(2) and listen(2) owe to programs besides a connection.
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/shim/inet.h"

namespace ztshim::test {
namespace {

UniqueFd connected_to(const UniqueFd& listener) {
  UniqueFd client = stream_socket();
  EXPECT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0) << errno;
  return client;
}

TEST(Listener, IsNeitherReadableNorWritableWhileIdle) {
  const UniqueFd listener = listener_on(kOwnAddress);
  EXPECT_EQ(poll_now(listener), 0);
  const UniqueFd client = connected_to(listener);
  EXPECT_EQ(wait_for(listener, POLLIN | POLLOUT), POLLIN);
}

TEST(Listener, WithoutConnectionsAnswersEagainWhenItMayNotBlock) {
  const UniqueFd listener = listener_on(kOwnAddress, 4, SOCK_NONBLOCK);
  EXPECT_EQ(accept(listener.get(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(Listener, TakesAPortByItselfAndANewBacklogLater) {
  const UniqueFd listener = stream_socket();
  ASSERT_EQ(listen(listener.get(), 1), 0) << errno;
  EXPECT_NE(port_of(listener), 0);
  EXPECT_EQ(listen(listener.get(), 64), 0);
  EXPECT_EQ(poll_now(listener), 0);
  const UniqueFd client = connected_to(listener);
  EXPECT_TRUE(accepted_from(listener));
}

TEST(Accept, ObeysItsOwnFlagsAndNotTheListeners) {
  const UniqueFd listener = listener_on(kOwnAddress, 4, SOCK_NONBLOCK | SOCK_CLOEXEC);
  const UniqueFd a = connected_to(listener);
  const UniqueFd b = connected_to(listener);
  wait_for(listener, POLLIN);
  const UniqueFd plain(accept4(listener.get(), nullptr, nullptr, 0));
  EXPECT_EQ(fcntl(plain.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(plain.get(), F_GETFD), 0);
  wait_for(listener, POLLIN);
  const UniqueFd flagged(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  EXPECT_EQ(fcntl(flagged.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  EXPECT_EQ(fcntl(flagged.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Accept, RefusesWhatIsNoListenerAndWhatItDoesNotKnow) {
  const UniqueFd fresh = stream_socket();
  EXPECT_EQ(accept(fresh.get(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  const UniqueFd listener = listener_on(kOwnAddress);
  EXPECT_EQ(accept4(listener.get(), nullptr, nullptr, 1), -1);
  EXPECT_EQ(errno, EINVAL);
  sockaddr_in address{};
  EXPECT_EQ(accept(listener.get(), reinterpret_cast<sockaddr*>(&address), nullptr), -1);
  EXPECT_EQ(errno, EFAULT);
  const UniqueFd client = connected_to(listener);
  EXPECT_EQ(accept(client.get(), nullptr, nullptr), -1);  // and eats no data
  EXPECT_EQ(errno, EINVAL);
}

TEST(Accept, CutsTheAddressToTheRoomThereIs) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = connected_to(listener);
  unsigned char bytes[16];
  std::fill(std::begin(bytes), std::end(bytes), static_cast<unsigned char>(0xee));
  socklen_t size = 4;
  const UniqueFd server(accept(listener.get(), reinterpret_cast<sockaddr*>(bytes), &size));
  ASSERT_TRUE(server);
  EXPECT_EQ(size, sizeof(sockaddr_in));
  EXPECT_EQ(bytes[0], AF_INET);
  EXPECT_EQ(bytes[4], 0xee);
}

TEST(Accept, AtTheDescriptorLimitKeepsTheConnection) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = connected_to(listener);
  ASSERT_EQ(write(client.get(), "kept", 4), 4);
  wait_for(listener, POLLIN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<UniqueFd> fillers;
  const rlimit low{static_cast<rlim_t>(client.get()) + 2, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  for (int fd = dup(0); fd >= 0; fd = dup(0)) fillers.emplace_back(fd);
  EXPECT_EQ(accept(listener.get(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EMFILE);
  fillers.clear();
  setrlimit(RLIMIT_NOFILE, &before);
  const UniqueFd server = accepted_from(listener);
  ASSERT_TRUE(server);
  EXPECT_EQ(read_all(server, 4), "kept");
}

TEST(Accept, EndsWhenTheListenerIsShutDown) {
  const UniqueFd listener = listener_on(kOwnAddress);
  std::atomic<int> error{0};
  std::thread waiting([&] { error = accept(listener.get(), nullptr, nullptr) < 0 ? errno : 0; });
  EXPECT_EQ(shutdown(listener.get(), SHUT_RDWR), 0) << errno;
  waiting.join();
  EXPECT_EQ(error, EINVAL);
}

TEST(Accept, ServesManyWorkersOnOneListener) {
  const UniqueFd listener = listener_on(kOwnAddress, 128);
  constexpr int kWorkers = 4;
  constexpr int kConnections = 100;
  std::atomic<int> served{0};
  std::vector<std::thread> workers;
  for (int i = 0; i < kWorkers; ++i) {
    workers.emplace_back([&] {
      while (true) {
        const UniqueFd server = accepted_from(listener);
        if (!server) return;
        char byte = 0;
        if (read(server.get(), &byte, 1) == 1 && write(server.get(), &byte, 1) == 1) ++served;
      }
    });
  }
  for (int i = 0; i < kConnections; ++i) {
    const UniqueFd client = connected_to(listener);
    ASSERT_EQ(write(client.get(), "x", 1), 1);
    EXPECT_EQ(read_all(client, 1), "x");
  }
  EXPECT_EQ(shutdown(listener.get(), SHUT_RDWR), 0);
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(served, kConnections);
}

TEST(Port, IsFreeAsSoonAsTheListenerIsClosed) {
  UniqueFd first = listener_on(kOwnAddress);
  const int port = port_of(first);
  const UniqueFd second = stream_socket();
  EXPECT_EQ(bind_to(second, kOwnAddress, port), -1);
  EXPECT_EQ(errno, EADDRINUSE);
  first.reset();
  EXPECT_EQ(bind_to(second, kOwnAddress, port), 0) << errno;
  EXPECT_EQ(bind_to(second, kOwnAddress, 0), -1);
  EXPECT_EQ(errno, EINVAL);
}

}  // namespace
}  // namespace ztshim::test
