// One service's sockets and stack on a virtual clock, and an application that uses them the way the
// shim does: plain system calls on repurposed fds. Connections lead to our own address, so both
// ends are under test.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "service/sockets/sockets.h"
#include "tests/stack/partner.h"

namespace ztshim::sockets {

class TestLoop final : public Poller {
 public:
  TestLoop();
  WatchId watch(int fd, std::uint32_t events, Watcher& watcher) override;
  void change(WatchId id, std::uint32_t events) override;
  void unwatch(WatchId id) override;
  Time now() const override { return now_; }

  bool serve();  // delivers what is there; false: nothing was
  Time now_{Duration{5'000'000}};
  std::uint64_t delivered = 0;

 private:
  struct Watch {
    int fd;
    Watcher* watcher;
  };
  UniqueFd epoll_;
  std::map<WatchId, Watch> watches_;
  WatchId last_ = 0;
};

// What an application holds.
struct App {
  SocketId id{};
  UniqueFd fd;

  int poll_bits() const;  // POLLIN, POLLOUT, … as poll(2) shows them, POLLRDHUP included
  std::string read(std::size_t most = 1 << 20) const;  // what is there
  int read_error() const;  // errno of a read that fails; 0 for the end, -1 when there is data
  ssize_t write(std::string_view bytes) const;
};

class World {
 public:
  World();

  static constexpr std::uint64_t kMac = 0x0200'0000'0001;
  static constexpr std::uint32_t kIndex = 1'000'000;
  static Endpoint own(std::uint16_t port) { return {*IpAddress::parse("10.9.8.7"), port}; }
  static Endpoint other(std::uint16_t port) { return {*IpAddress::parse("10.9.8.9"), port}; }

  App create(int domain = 2 /* AF_INET */, int owner_pid = 1, int type = 1 /* SOCK_STREAM */);
  App listener(std::uint16_t port, int backlog = 10, int domain = 2);
  // What the shim does: the request, then the gate.
  Outcome connect(App& app, const Endpoint& peer);
  App connected(const Endpoint& peer, int domain = 2, int owner_pid = 1);
  // The fd of the next connection; no fd when none waits.
  App accept(const App& listener, AcceptMessage* message = nullptr);
  struct Both {
    App client, server;
  };
  Both pair(std::uint16_t port = 80);

  // Turns of the loop until nothing more happens at this time.
  void settle();
  // Virtual time passes.
  void pass(Duration time);

  // The kernel knows each name once: two test programs must not use the same.
  const ServiceId service{static_cast<std::uint64_t>(::getpid())};
  Policy policy;
  TestLoop loop;
  std::unique_ptr<stack::Stack> stack;
  std::unique_ptr<Sockets> sockets;
  std::size_t frames = 0;  // that left for the network
  // A neighbour that hears them, if there is one.
  std::unique_ptr<stack::Partner> partner;
};

}  // namespace ztshim::sockets
