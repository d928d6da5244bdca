#include "tests/unit/sockets/world.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>

namespace ztshim::sockets {

TestLoop::TestLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Poller::WatchId TestLoop::watch(int fd, std::uint32_t events, Watcher& watcher) {
  const WatchId id = ++last_;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return 0;
  watches_[id] = {fd, &watcher};
  return id;
}

void TestLoop::change(WatchId id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  ASSERT_EQ(epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, watches_.at(id).fd, &event), 0);
}

void TestLoop::unwatch(WatchId id) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
  watches_.erase(found);
}

bool TestLoop::serve() {
  std::array<epoll_event, 64> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto found = watches_.find(events[static_cast<std::size_t>(i)].data.u64);
    if (found == watches_.end()) continue;
    ++delivered;
    found->second.watcher->on_ready(events[static_cast<std::size_t>(i)].events);
  }
  return count > 0;
}

int App::poll_bits() const {
  pollfd asked{fd.get(), POLLIN | POLLOUT | POLLRDHUP, 0};
  ::poll(&asked, 1, 0);
  return asked.revents;
}

std::string App::read(std::size_t most) const {
  std::string bytes(most, '\0');
  std::size_t got = 0;
  while (got < most) {
    const ssize_t n = ::recv(fd.get(), bytes.data() + got, most - got, MSG_DONTWAIT);
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

int App::read_error() const {
  char byte = 0;
  const ssize_t n = ::recv(fd.get(), &byte, 1, MSG_DONTWAIT);
  return n < 0 ? errno : n == 0 ? 0 : -1;
}

ssize_t App::write(std::string_view bytes) const {
  return ::send(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

World::World() {
  const auto random = [engine = std::mt19937(7)](MutableBytes bytes) mutable {
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine());
  };
  stack = std::make_unique<stack::Stack>(
      [this](const stack::OutgoingFrame& frame) {
        ++frames;
        if (partner) partner->on_frame(frame);
      },
      random);
  stack->set_time(loop.now());
  stack::InterfaceConfig config;
  config.name = "zttest";
  config.index = kIndex;
  config.mac = kMac;
  config.addresses = {*IpPrefix::parse("10.9.8.7/24"), *IpPrefix::parse("fd00:9:8::7/64")};
  stack->set_interface(stack::InterfaceId{1}, config);
  sockets = std::make_unique<Sockets>(*stack, loop, service);
}

App World::create(int domain, int owner_pid, int type) {
  auto created = sockets->create({domain, type, 0}, owner_pid);
  EXPECT_TRUE(created.has_value());
  return {created->id, std::move(created->application_end)};
}

App World::listener(std::uint16_t port, int backlog, int domain) {
  App app = create(domain);
  const Endpoint any{domain == AF_INET ? IpAddress::v4(0) : IpAddress::v6(Bytes(16)), port};
  EXPECT_EQ(sockets->bind(app.id, any, policy).kind, Outcome::Kind::Done);
  EXPECT_EQ(sockets->listen(app.id, backlog, 0, policy).kind, Outcome::Kind::Done);
  settle();
  return app;
}

Outcome World::connect(App& app, const Endpoint& peer) {
  int buffer = 0;
  socklen_t length = sizeof buffer;
  getsockopt(app.fd.get(), SOL_SOCKET, SO_SNDBUF, &buffer, &length);
  const std::size_t gate = gate_size(buffer);
  const Outcome outcome = sockets->connect(app.id, peer, gate, policy);
  if (outcome.kind == Outcome::Kind::InProgress) {
    const std::string filler(gate - 1, 'G');
    EXPECT_EQ(app.write(filler), static_cast<ssize_t>(filler.size()));
    EXPECT_EQ(app.write("g"), 1);
  }
  return outcome;
}

App World::connected(const Endpoint& peer, int domain, int owner_pid) {
  App app = create(domain, owner_pid);
  EXPECT_EQ(connect(app, peer).kind, Outcome::Kind::InProgress);
  settle();
  EXPECT_EQ(app.poll_bits() & POLLOUT, POLLOUT);
  return app;
}

App World::accept(const App& listener, AcceptMessage* message) {
  std::array<std::uint8_t, AcceptMessage::kSize> bytes{};
  iovec vector{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  if (recvmsg(listener.fd.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !=
      static_cast<ssize_t>(bytes.size())) {
    return {};
  }
  const auto parsed = AcceptMessage::read(bytes);
  EXPECT_TRUE(parsed.has_value());
  if (message != nullptr) *message = *parsed;
  App app;
  app.id = SocketId{parsed->connection};
  const cmsghdr* const attached = CMSG_FIRSTHDR(&header);
  if (attached != nullptr && attached->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(attached), sizeof fd);
    app.fd.reset(fd);
  }
  return app;
}

World::Both World::pair(std::uint16_t port) {
  const App listening = listener(port);
  Both both;
  both.client = connected(own(port));
  both.server = accept(listening);
  EXPECT_TRUE(both.server.fd);
  settle();
  return both;
}

void World::settle() {
  for (;;) {
    const bool had_events = loop.serve();
    stack->set_time(loop.now());
    if (partner) partner->flush(*stack, kMac);
    const bool was_due =
        stack->next_deadline() <= loop.now() || sockets->next_deadline() <= loop.now();
    stack->run_timers();
    sockets->on_deadline(loop.now());
    if (!had_events && !was_due) return;
  }
}

void World::pass(Duration time) {
  const Time end = loop.now_ + time;
  settle();
  while (loop.now_ < end) {
    loop.now_ = std::min({end, std::max(stack->next_deadline(), loop.now_ + Duration{1}),
                          std::max(sockets->next_deadline(), loop.now_ + Duration{1})});
    settle();
  }
}

}  // namespace ztshim::sockets
