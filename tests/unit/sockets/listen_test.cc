// Listeners: ports, the queue, handing connections over, and what happens to those never taken.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "tests/unit/sockets/world.h"

namespace ztshim::sockets {
namespace {

constexpr auto kDone = Outcome::Kind::Done;
constexpr auto kHost = Outcome::Kind::Host;

Endpoint at(const char* text) { return *Endpoint::parse(text); }

void set_int(World& world, const App& app, int level, int name, int value) {
  const ByteView bytes(reinterpret_cast<const std::uint8_t*>(&value), sizeof value);
  ASSERT_TRUE(world.sockets->set_option(app.id, level, name, bytes).has_value());
}

int get_int(World& world, const App& app, int level, int name) {
  const auto bytes = world.sockets->get_option(app.id, level, name, sizeof(int));
  EXPECT_TRUE(bytes.has_value() && bytes->has_value());
  int value = -1;
  std::memcpy(&value, (*bytes)->data(), sizeof value);
  return value;
}

TEST(Listen, AcceptedFdIsNamedAfterItsConnection) {
  World world;
  const App listening = world.listener(80);
  const App client = world.connected(World::own(80));
  AcceptMessage message;
  const App server = world.accept(listening, &message);
  ASSERT_TRUE(server.fd);
  sockaddr_un address{};
  socklen_t length = sizeof address;
  ASSERT_EQ(getsockname(server.fd.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  EXPECT_EQ(SocketName::from_sockaddr(address, length)->socket, SocketId{message.connection});
  EXPECT_EQ(message.peer, *world.sockets->local_name(client.id));
  EXPECT_EQ(message.local, World::own(80));
  EXPECT_EQ(*world.sockets->peer_name(server.id), message.peer);
}

TEST(Listen, ManyConnectionsKeepTheirOrder) {
  World world;
  const App listening = world.listener(80, 100);
  std::vector<App> clients;
  for (int i = 0; i < 60; ++i) clients.push_back(world.connected(World::own(80)));
  for (const App& client : clients) {
    AcceptMessage message;
    const App server = world.accept(listening, &message);
    ASSERT_TRUE(server.fd);
    EXPECT_EQ(message.peer, *world.sockets->local_name(client.id));
    world.settle();
  }
  EXPECT_FALSE(world.accept(listening).fd);
}

TEST(Listen, QueueTakesOneMoreThanTheBacklogAndThenNoMore) {
  World world;
  const App listening = world.listener(80, 3);
  std::vector<App> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(world.create());
    ASSERT_EQ(world.connect(clients.back(), World::own(80)).kind, Outcome::Kind::InProgress);
    world.settle();
  }
  const auto established = [&] {
    return std::count_if(clients.begin(), clients.end(),
                         [](const App& client) { return client.poll_bits() == POLLOUT; });
  };
  EXPECT_EQ(established(), 4);
  // Room again: repeated SYNs get in, and those that come together do so together.
  const App first = world.accept(listening);
  world.pass(Duration{4'000});
  EXPECT_EQ(established(), 8);
}

// As with the kernel, whose queue of handshakes is another than the one accept takes from: clients
// that come in the same moment need not repeat their SYNs, seconds apart and again all at once.
TEST(Listen, AllWhoComeAtOnceGetInWhileTheQueueIsNotFull) {
  World world;
  const App listening = world.listener(80, 3);
  std::vector<App> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(world.create());
    ASSERT_EQ(world.connect(clients.back(), World::own(80)).kind, Outcome::Kind::InProgress);
  }
  world.settle();
  for (const App& client : clients) EXPECT_EQ(client.poll_bits(), POLLOUT);
  for (const App& client : clients) {
    AcceptMessage message;
    ASSERT_TRUE(world.accept(listening, &message).fd);
    EXPECT_EQ(message.peer, *world.sockets->local_name(client.id));
    world.settle();
  }
}

TEST(Listen, LargeBacklogIsHonoured) {
  World world;
  const App listening = world.listener(80, 400);
  std::vector<App> clients;
  for (int i = 0; i < 401; ++i) clients.push_back(world.connected(World::own(80)));
  std::size_t accepted = 0;
  for (; world.accept(listening).fd; world.settle()) ++accepted;
  EXPECT_EQ(accepted, 401U);
}

TEST(Listen, SilentBacklogOfZeroStillTakesOne) {
  World world;
  const App listening = world.listener(80, 0);
  const App client = world.connected(World::own(80));
  EXPECT_TRUE(world.accept(listening).fd);
}

TEST(Listen, ClosingTheListenerResetsWhatWaitsThere) {
  World world;
  App listening = world.listener(80, 50);
  std::vector<App> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(world.connected(World::own(80)));  // more than fly
  listening.fd.reset();
  world.pass(Duration{100});
  for (const App& client : clients) EXPECT_EQ(client.read_error(), ECONNRESET);
  App late = world.create();
  world.connect(late, World::own(80));
  world.settle();
  EXPECT_EQ(world.sockets->take_error(late.id), ECONNREFUSED);
}

TEST(Listen, ClosingTheListenerLeavesAcceptedConnectionsAlone) {
  World world;
  App listening = world.listener(80);
  const App client = world.connected(World::own(80));
  App server = world.accept(listening);
  listening.fd.reset();  // in the same moment
  world.pass(Duration{100});
  EXPECT_EQ(client.poll_bits(), POLLOUT);
  server.write("hello");
  world.settle();
  EXPECT_EQ(client.read(), "hello");
  server.fd.reset();
  world.settle();
  EXPECT_EQ(client.read_error(), 0);  // an orderly end
}

TEST(Listen, ConnectionResetBeforeAcceptIsStillDelivered) {
  World world;
  const App listening = world.listener(80);
  App client = world.connected(World::own(80));
  client.write("before the reset");
  world.settle();
  const linger hard{1, 0};
  ASSERT_TRUE(world.sockets
                  ->set_option(client.id, SOL_SOCKET, SO_LINGER,
                               {reinterpret_cast<const std::uint8_t*>(&hard), sizeof hard})
                  .has_value());
  client.fd.reset();
  world.settle();
  const App server = world.accept(listening);
  ASSERT_TRUE(server.fd);
  EXPECT_EQ(server.read(16), "before the reset");
  EXPECT_EQ(server.read_error(), ECONNRESET);
}

TEST(Listen, LostFdIsHandedOverAgainWithItsData) {
  World world;
  const App listening = world.listener(80);
  const App client = world.connected(World::own(80));
  client.write("request");
  world.settle();
  App lost = world.accept(listening);
  ASSERT_TRUE(lost.fd);
  lost.fd.reset();  // as at the descriptor limit: received, but there was no number for it
  world.settle();
  EXPECT_EQ(
      world.sockets->return_connection(listening.id, static_cast<std::uint64_t>(lost.id)).kind,
      kDone);
  world.settle();
  const App server = world.accept(listening);
  ASSERT_TRUE(server.fd);
  EXPECT_EQ(server.id, lost.id);
  EXPECT_EQ(server.read(), "request");
  server.write("answer");
  world.settle();
  EXPECT_EQ(client.read(), "answer");
}

TEST(Listen, OnlyLostConnectionsCanBeReturned) {
  World world;
  const App listening = world.listener(80);
  const App client = world.connected(World::own(80));
  const App server = world.accept(listening);
  server.write("in use");
  world.pass(Duration{100});
  const auto number = static_cast<std::uint64_t>(server.id);
  EXPECT_EQ(world.sockets->return_connection(listening.id, number).error,
            std::errc::invalid_argument);
  EXPECT_EQ(world.sockets->return_connection(listening.id, 999).error, std::errc::invalid_argument);
}

TEST(Listen, UploadToAnUnacceptedConnectionIsBounded) {
  World world;
  const App listening = world.listener(80);
  const App client = world.connected(World::own(80));
  std::size_t accepted = 0;
  for (int i = 0; i < 100; ++i) {
    const ssize_t n = client.write(std::string(65'536, 'u'));
    if (n > 0) accepted += static_cast<std::size_t>(n);
    world.pass(Duration{20});
  }
  EXPECT_LT(accepted, 2'000'000U);
  const App server = world.accept(listening);
  std::size_t arrived = 0;
  for (int i = 0; i < 500 && arrived < accepted; ++i) {
    world.pass(Duration{20});
    arrived += server.read().size();
  }
  EXPECT_EQ(arrived, accepted);
}

TEST(Listen, PortInUseIsRefused) {
  World world;
  const App first = world.listener(80);
  const App second = world.create();
  EXPECT_EQ(world.sockets->bind(second.id, at("0.0.0.0:80"), world.policy).error,
            std::errc::address_in_use);
  EXPECT_EQ(world.sockets->bind(second.id, World::own(80), world.policy).error,
            std::errc::address_in_use);
  const App six = world.create(AF_INET6);
  EXPECT_EQ(world.sockets->bind(six.id, at("[::]:80"), world.policy).error,
            std::errc::address_in_use);
}

TEST(Listen, ReuseAddressDoesNotShareAListeningPort) {
  World world;
  App first = world.create();
  set_int(world, first, SOL_SOCKET, SO_REUSEADDR, 1);
  ASSERT_EQ(world.sockets->bind(first.id, at("0.0.0.0:80"), world.policy).kind, kDone);
  ASSERT_EQ(world.sockets->listen(first.id, 5, 0, world.policy).kind, kDone);
  App second = world.create();
  set_int(world, second, SOL_SOCKET, SO_REUSEADDR, 1);
  EXPECT_EQ(world.sockets->bind(second.id, at("0.0.0.0:80"), world.policy).error,
            std::errc::address_in_use);
}

App sharing_listener(World& world, std::uint16_t port, int backlog = 10) {
  App app = world.create();
  const int on = 1;
  EXPECT_TRUE(world.sockets->set_option(app.id, SOL_SOCKET, SO_REUSEPORT,
                                        ByteView(reinterpret_cast<const std::uint8_t*>(&on), 4)));
  EXPECT_EQ(world.sockets->bind(app.id, {IpAddress::v4(0), port}, world.policy).kind,
            Outcome::Kind::Done);
  EXPECT_EQ(world.sockets->listen(app.id, backlog, 0, world.policy).kind, Outcome::Kind::Done);
  world.settle();
  return app;
}

TEST(Listen, ListenersThatReuseThePortTakeTurns) {
  World world;
  std::vector<App> listeners;
  for (int i = 0; i < 3; ++i) listeners.push_back(sharing_listener(world, 80));
  std::vector<App> clients;
  for (int i = 0; i < 9; ++i) clients.push_back(world.connected(World::own(80)));
  for (const App& listener : listeners) {
    int taken = 0;
    while (world.accept(listener).fd) ++taken;
    EXPECT_EQ(taken, 3);
  }
}

TEST(Listen, ClosedListenerLeavesThePortToTheOthers) {
  World world;
  App first = sharing_listener(world, 80), second = sharing_listener(world, 80);
  first.fd.reset();
  world.settle();
  const App client = world.connected(World::own(80));
  EXPECT_TRUE(world.accept(second).fd);
  second.fd.reset();
  world.settle();
  App late = world.create();
  EXPECT_EQ(world.connect(late, World::own(80)).kind, Outcome::Kind::InProgress);
  world.settle();
  EXPECT_EQ(world.sockets->take_error(late.id), ECONNREFUSED);
  EXPECT_TRUE(sharing_listener(world, 80).fd);
}

TEST(Listen, FullQueueOfOneIsNoReasonToRefuse) {
  World world;
  const App small = sharing_listener(world, 80, 0), large = sharing_listener(world, 80, 20);
  std::vector<App> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(world.connected(World::own(80)));
  int taken = 0;
  while (world.accept(small).fd) ++taken;
  EXPECT_EQ(taken, 1);
  while (world.accept(large).fd) ++taken;
  EXPECT_EQ(taken, 12);
}

TEST(Listen, SharingThePortTakesBoth) {
  World world;
  const App shared = sharing_listener(world, 80);
  const App other = world.create();
  EXPECT_EQ(world.sockets->bind(other.id, {IpAddress::v4(0), 80}, world.policy).error,
            std::errc::address_in_use);
}

TEST(Listen, RestartedServerGetsItsPortBackWithReuseAddress) {
  World world;
  const auto start = [&](App& app) {
    app = world.create();
    set_int(world, app, SOL_SOCKET, SO_REUSEADDR, 1);
    const Outcome bound = world.sockets->bind(app.id, at("0.0.0.0:80"), world.policy);
    if (bound.kind != kDone) return bound;
    return world.sockets->listen(app.id, 5, 0, world.policy);
  };
  App first, second;
  ASSERT_EQ(start(first).kind, kDone);
  App client = world.connected(World::own(80));
  App server = world.accept(first);
  server.write("bye");
  world.settle();
  client.read();
  server.fd.reset();
  first.fd.reset();
  world.settle();
  client.fd.reset();
  world.pass(Duration{200});
  ASSERT_EQ(start(second).kind, kDone);
  const App again = world.connected(World::own(80));
  EXPECT_TRUE(world.accept(second).fd);
}

TEST(Listen, WildcardOfIpv6TakesIpv4WithMappedNames) {
  World world;
  const App listening = world.listener(80, 5, AF_INET6);
  const App client = world.connected(World::own(80));
  AcceptMessage message;
  const App server = world.accept(listening, &message);
  ASSERT_TRUE(server.fd);
  EXPECT_TRUE(message.peer.ip.is_v4_mapped());
  EXPECT_EQ(message.local.ip.unmapped(), World::own(80).ip);
}

TEST(Listen, V6OnlyLeavesIpv4Free) {
  World world;
  App six = world.create(AF_INET6);
  set_int(world, six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  ASSERT_EQ(world.sockets->bind(six.id, at("[::]:80"), world.policy).kind, kDone);
  ASSERT_EQ(world.sockets->listen(six.id, 5, 0, world.policy).kind, kDone);
  const App four = world.listener(80);
  const App client = world.connected(World::own(80));
  EXPECT_TRUE(world.accept(four).fd);
  EXPECT_FALSE(world.accept(six).fd);
}

TEST(Listen, WithoutBindTakesAFreePort) {
  World world;
  const App app = world.create();
  ASSERT_EQ(world.sockets->listen(app.id, 5, 0, world.policy).kind, kDone);
  const Endpoint local = *world.sockets->local_name(app.id);
  EXPECT_GE(local.port, 32768);
  const App client = world.connected(World::own(local.port));
  EXPECT_TRUE(world.accept(app).fd);
}

TEST(Listen, AddressDecidesWhoseListenerItIs) {
  World world;
  const App app = world.create();
  EXPECT_EQ(world.sockets->bind(app.id, at("127.0.0.1:80"), world.policy).kind, kHost);
  EXPECT_EQ(world.sockets->bind(app.id, at("192.0.2.1:80"), world.policy).kind, kHost);
  Policy closed;
  closed.egress = Policy::Egress::Virtual;
  EXPECT_EQ(world.sockets->bind(app.id, at("192.0.2.1:80"), closed).error,
            std::errc::address_not_available);
  Policy to_host;
  to_host.listen = Policy::Listen::Host;
  EXPECT_EQ(world.sockets->bind(app.id, at("0.0.0.0:80"), to_host).kind, kHost);
  EXPECT_EQ(world.sockets->listen(app.id, 5, 0, to_host).kind, kHost);
  EXPECT_EQ(world.sockets->bind(app.id, World::own(80), to_host).kind, kDone);
}

TEST(Listen, BothTakesConnectionsOfTheHostAsWell) {
  World world;
  world.policy.listen = Policy::Listen::Both;
  const App listening = world.create();
  ASSERT_EQ(world.sockets->listen(listening.id, 5, 0, world.policy).kind, kDone);
  const std::uint16_t port = world.sockets->local_name(listening.id)->port;
  const App client = world.connected(World::own(port));
  EXPECT_TRUE(world.accept(listening).fd);

  const UniqueFd host(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address;
  const socklen_t length =
      Endpoint{IpAddress::v4(INADDR_LOOPBACK), port}.to_sockaddr(address, AF_INET);
  ASSERT_EQ(::connect(host.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  world.settle();
  AcceptMessage message;
  const App server = world.accept(listening, &message);
  ASSERT_TRUE(server.fd);
  EXPECT_TRUE(message.peer.ip.is_loopback());
  EXPECT_EQ(::send(host.get(), "kernel", 6, 0), 6);
  char buffer[6] = {};
  EXPECT_EQ(::recv(server.fd.get(), buffer, sizeof buffer, MSG_WAITALL), 6);
  sockaddr_storage name{};
  socklen_t name_length = sizeof name;
  ASSERT_EQ(getsockname(server.fd.get(), reinterpret_cast<sockaddr*>(&name), &name_length), 0);
  EXPECT_EQ(name.ss_family, AF_INET);
}

TEST(Listen, ShutdownStopsListening) {
  World world;
  const App listening = world.listener(80);
  EXPECT_EQ(world.sockets->shutdown(listening.id, SHUT_RD).kind, kDone);
  App client = world.create();
  world.connect(client, World::own(80));
  world.settle();
  EXPECT_EQ(world.sockets->take_error(client.id), ECONNREFUSED);
}

TEST(Listen, AcceptedSocketsInheritOptions) {
  World world;
  App listening = world.create();
  set_int(world, listening, IPPROTO_TCP, TCP_NODELAY, 1);
  set_int(world, listening, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_int(world, listening, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  ASSERT_EQ(world.sockets->bind(listening.id, at("0.0.0.0:80"), world.policy).kind, kDone);
  ASSERT_EQ(world.sockets->listen(listening.id, 5, 0, world.policy).kind, kDone);
  const App client = world.connected(World::own(80));
  const App server = world.accept(listening);
  EXPECT_EQ(get_int(world, server, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(get_int(world, server, IPPROTO_TCP, TCP_KEEPIDLE), 30);
  EXPECT_EQ(get_int(world, server, SOL_SOCKET, SO_ACCEPTCONN), 0);
  EXPECT_EQ(get_int(world, listening, SOL_SOCKET, SO_ACCEPTCONN), 1);
}

}  // namespace
}  // namespace ztshim::sockets
