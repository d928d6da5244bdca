// Making connections: what the application sees before, during and after the handshake, and which
// addresses are ours.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tests/unit/sockets/world.h"

namespace ztshim::sockets {
namespace {

constexpr auto kDone = Outcome::Kind::Done;
constexpr auto kHost = Outcome::Kind::Host;
constexpr auto kFailed = Outcome::Kind::Failed;
constexpr auto kInProgress = Outcome::Kind::InProgress;

Endpoint at(const char* text) { return *Endpoint::parse(text); }

TEST(Connect, IsNotWritableUntilEstablishedAndThenOnce) {
  World world;
  const App listening = world.listener(80);
  App client = world.create();
  const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLOUT | EPOLLET;
  ASSERT_EQ(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, client.fd.get(), &event), 0);
  ASSERT_EQ(epoll_wait(epoll.get(), &event, 1, 0), 1);  // a fresh one is writable

  ASSERT_EQ(world.connect(client, World::own(80)).kind, kInProgress);
  EXPECT_EQ(client.poll_bits(), 0);
  EXPECT_EQ(client.read_error(), EAGAIN);
  EXPECT_EQ(world.sockets->take_error(client.id), 0);
  EXPECT_EQ(world.sockets->peer_name(client.id).error(), std::errc::not_connected);
  EXPECT_EQ(world.sockets->local_name(client.id)->ip, World::own(0).ip);
  EXPECT_NE(world.sockets->local_name(client.id)->port, 0);
  const Outcome second = world.sockets->connect(client.id, World::own(80), 0, world.policy);
  EXPECT_EQ(second.error, std::errc::connection_already_in_progress);
  EXPECT_EQ(epoll_wait(epoll.get(), &event, 1, 0), 0);

  world.settle();
  EXPECT_EQ(client.poll_bits(), POLLOUT);
  EXPECT_EQ(epoll_wait(epoll.get(), &event, 1, 0), 1);
  EXPECT_EQ(epoll_wait(epoll.get(), &event, 1, 0), 0);
  EXPECT_EQ(*world.sockets->peer_name(client.id), World::own(80));
  EXPECT_EQ(world.sockets->connect(client.id, World::own(80), 0, world.policy).kind, kDone);
  EXPECT_EQ(world.sockets->connect(client.id, World::own(80), 0, world.policy).error,
            std::errc::already_connected);
}

TEST(Connect, GateMayArriveAfterTheHandshake) {
  World world;
  const App listening = world.listener(80);
  App client = world.create();
  ASSERT_EQ(world.sockets->connect(client.id, World::own(80), 1001, world.policy).kind,
            kInProgress);
  world.settle();
  const App server = world.accept(listening);
  ASSERT_TRUE(server.fd);
  client.write(std::string(700, 'G'));
  world.settle();
  client.write(std::string(300, 'G'));
  world.settle();
  client.write("g");
  client.write("data");
  world.settle();
  EXPECT_EQ(server.read(), "data");
}

TEST(Connect, BytesWrittenBehindTheGateAreSentAfterTheHandshake) {
  World world;
  const App listening = world.listener(80);
  App client = world.create();
  ASSERT_EQ(world.connect(client, World::own(80)).kind, kInProgress);
  EXPECT_EQ(client.write("optimistic"), 10);
  EXPECT_EQ(world.sockets->unsent_bytes(client.id), 10U);
  world.settle();
  EXPECT_EQ(world.accept(listening).read(), "optimistic");
}

TEST(Connect, RefusedShowsTheBitsAndTheErrorOnce) {
  World world;
  App client = world.create();
  ASSERT_EQ(world.connect(client, World::own(81)).kind, kInProgress);
  world.settle();
  EXPECT_EQ(client.poll_bits(), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
  EXPECT_EQ(world.sockets->take_error(client.id), ECONNREFUSED);
  EXPECT_EQ(world.sockets->take_error(client.id), 0);
}

TEST(Connect, RefusedIsFetchedByTheSecondConnect) {
  World world;
  App client = world.create();
  ASSERT_EQ(world.connect(client, World::own(81)).kind, kInProgress);
  world.settle();
  EXPECT_EQ(world.sockets->connect(client.id, World::own(81), 0, world.policy).error,
            std::errc::connection_refused);
  EXPECT_EQ(world.sockets->take_error(client.id), 0);
}

TEST(Connect, RefusedBeforeTheGateWasWrittenStillShowsTheBits) {
  World world;
  App client = world.create();
  ASSERT_EQ(world.sockets->connect(client.id, World::own(81), 101, world.policy).kind, kInProgress);
  world.settle();  // refused already
  EXPECT_EQ(client.poll_bits(), POLLOUT);
  EXPECT_EQ(client.write(std::string(100, 'G')), 100);
  EXPECT_EQ(client.write("g"), 1);
  world.settle();
  EXPECT_EQ(client.poll_bits(), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
}

TEST(Connect, NobodyAnsweringForTheAddressIsHostUnreachableAfterThreeSeconds) {
  World world;
  App client = world.create();
  ASSERT_EQ(world.connect(client, World::other(80)).kind, kInProgress);
  world.pass(Duration{2'900});
  EXPECT_EQ(client.poll_bits(), 0);
  EXPECT_GE(world.frames, 3U);  // requests for the neighbour's MAC
  world.pass(Duration{200});
  EXPECT_NE(client.poll_bits() & POLLERR, 0);
  EXPECT_EQ(world.sockets->take_error(client.id), EHOSTUNREACH);
}

std::unique_ptr<stack::Partner> silent_partner() {
  return std::make_unique<stack::Partner>(stack::InterfaceId{1}, "10.9.8.9", 0x02'00'00'00'00'99);
}

TEST(Connect, SilentPeerTimesOutAfterLinuxPatience) {
  World world;
  world.partner = silent_partner();  // it answers ARP and nothing else
  App client = world.create();
  ASSERT_EQ(world.connect(client, World::other(80)).kind, kInProgress);
  world.pass(Duration{126'000});
  EXPECT_EQ(client.poll_bits(), 0);
  EXPECT_EQ(world.sockets->list().at(0).state, "SYN_SENT");
  world.pass(Duration{2'000});
  EXPECT_NE(client.poll_bits() & POLLERR, 0);
  EXPECT_EQ(world.sockets->take_error(client.id), ETIMEDOUT);
}

TEST(Connect, IcmpErrorIsTheReasonAtOnce) {
  struct Case {
    std::uint8_t code;
    int error;
  };
  for (const Case& one : {Case{0, ENETUNREACH}, Case{1, EHOSTUNREACH}, Case{3, ECONNREFUSED},
                          Case{13, EHOSTUNREACH}}) {
    World world;
    world.partner = silent_partner();
    App client = world.create();
    ASSERT_EQ(world.connect(client, World::other(80)).kind, kInProgress);
    world.settle();
    ASSERT_FALSE(world.partner->seen.empty());
    world.partner->send_error(*world.stack, World::kMac, world.partner->ip, 3, one.code, 0,
                              world.partner->seen.back().payload);
    world.settle();
    EXPECT_NE(client.poll_bits() & POLLERR, 0);
    EXPECT_EQ(world.sockets->take_error(client.id), one.error);
  }
}

TEST(Connect, IcmpErrorExplainsTheSilenceThatFollows) {
  World world;
  world.partner = silent_partner();
  App client = world.create();
  const int timeout = 3'000;
  ASSERT_TRUE(world.sockets
                  ->set_option(client.id, IPPROTO_TCP, TCP_USER_TIMEOUT,
                               {reinterpret_cast<const std::uint8_t*>(&timeout), sizeof timeout})
                  .has_value());
  ASSERT_EQ(world.connect(client, World::other(80)).kind, kInProgress);
  world.settle();
  const stack::Segment syn = world.partner->take_segments().at(0);
  world.partner->send(*world.stack, World::kMac,
                      {syn.to,
                       syn.from,
                       1,
                       syn.sequence + 1,
                       stack::Segment::Syn | stack::Segment::Ack,
                       9999,
                       {},
                       {}});
  world.settle();
  client.write("anybody there?");
  world.settle();
  world.partner->send_error(*world.stack, World::kMac, world.partner->ip, 3, 1, 0,
                            world.partner->seen.back().payload);
  world.pass(Duration{2'000});
  EXPECT_EQ(client.poll_bits() & POLLERR, 0) << "it may only be for a moment";
  world.pass(Duration{1'500});
  EXPECT_NE(client.poll_bits() & POLLERR, 0);
  EXPECT_EQ(world.sockets->take_error(client.id), EHOSTUNREACH);
}

TEST(Connect, SynCountAndUserTimeoutShortenThePatience) {
  World world;
  world.partner = silent_partner();
  const auto connect_with = [&](int name, int value) {
    App client = world.create();
    const ByteView bytes(reinterpret_cast<const std::uint8_t*>(&value), sizeof value);
    EXPECT_TRUE(world.sockets->set_option(client.id, IPPROTO_TCP, name, bytes).has_value());
    EXPECT_EQ(world.connect(client, World::other(80)).kind, kInProgress);
    return client;
  };
  const App two_retries = connect_with(TCP_SYNCNT, 2);
  const App five_seconds = connect_with(TCP_USER_TIMEOUT, 5'000);
  world.pass(Duration{4'900});
  EXPECT_EQ(five_seconds.poll_bits(), 0);
  world.pass(Duration{200});
  EXPECT_EQ(world.sockets->take_error(five_seconds.id), ETIMEDOUT);
  EXPECT_EQ(two_retries.poll_bits(), 0);
  world.pass(Duration{2'000});
  EXPECT_EQ(world.sockets->take_error(two_retries.id), ETIMEDOUT);
}

TEST(Connect, PeerThatVanishesTimesOutByUserTimeout) {
  World world;
  world.partner = silent_partner();
  App client = world.create();
  const int timeout = 3'000;
  ASSERT_TRUE(world.sockets
                  ->set_option(client.id, IPPROTO_TCP, TCP_USER_TIMEOUT,
                               {reinterpret_cast<const std::uint8_t*>(&timeout), sizeof timeout})
                  .has_value());
  ASSERT_EQ(world.connect(client, World::other(80)).kind, kInProgress);
  world.settle();
  const stack::Segment syn = world.partner->take_segments().at(0);
  world.partner->send(*world.stack, World::kMac,
                      {syn.to,
                       syn.from,
                       1,
                       syn.sequence + 1,
                       stack::Segment::Syn | stack::Segment::Ack,
                       9999,
                       {},
                       {}});
  world.settle();
  ASSERT_EQ(client.poll_bits(), POLLOUT);
  world.pass(Duration{10'000});  // idle is no reason
  EXPECT_EQ(client.poll_bits(), POLLOUT);
  client.write("anybody there?");
  world.pass(Duration{2'900});
  EXPECT_EQ(client.poll_bits() & POLLERR, 0);
  world.pass(Duration{200});
  EXPECT_NE(client.poll_bits() & POLLERR, 0);
  EXPECT_EQ(world.sockets->take_error(client.id), ETIMEDOUT);
}

TEST(Connect, ClosedSocketStopsWaitingForASilentPeer) {
  World world;
  world.partner = silent_partner();
  App client = world.create();
  ASSERT_EQ(world.connect(client, World::other(80)).kind, kInProgress);
  world.settle();
  const stack::Segment syn = world.partner->take_segments().at(0);
  stack::Segment segment{
      syn.to, syn.from, 1, syn.sequence + 1, stack::Segment::Syn | stack::Segment::Ack,
      9999,   {},       {}};
  world.partner->send(*world.stack, World::kMac, segment);
  world.settle();
  client.fd.reset();
  world.settle();
  // Our FIN is acknowledged, but the peer never says its own.
  segment.sequence = 2;
  segment.acknowledgement = syn.sequence + 2;
  segment.flags = stack::Segment::Ack;
  world.partner->send(*world.stack, World::kMac, segment);
  world.pass(Duration{30'000});
  ASSERT_EQ(world.sockets->list().size(), 1U);
  EXPECT_EQ(world.sockets->list()[0].state, "FIN_WAIT_2");
  world.pass(Duration{40'000});
  EXPECT_TRUE(world.sockets->list().empty());
}

TEST(Connect, ClosingWhileConnectingGivesUpSilently) {
  World world;
  App client = world.create();
  ASSERT_EQ(world.connect(client, World::other(80)).kind, kInProgress);
  world.settle();
  const std::size_t frames = world.frames;
  client.fd.reset();
  world.settle();
  EXPECT_EQ(world.frames, frames);
  EXPECT_TRUE(world.sockets->list().empty());
}

TEST(Connect, AddressTakenAwayWhileConnectingIsNetworkDown) {
  World world;
  App client = world.create();
  ASSERT_EQ(world.connect(client, World::other(80)).kind, kInProgress);
  world.settle();
  world.stack->remove_interface(stack::InterfaceId{1});
  world.settle();
  EXPECT_EQ(world.sockets->take_error(client.id), ENETDOWN);
}

TEST(Connect, AddressTakenAwayResetsEstablishedConnections) {
  World world;
  const auto [client, server] = world.pair();
  world.stack->remove_interface(stack::InterfaceId{1});
  world.settle();
  EXPECT_EQ(client.read_error(), ECONNRESET);
  EXPECT_EQ(world.sockets->take_error(client.id), ENETDOWN);
}

TEST(Connect, DestinationDecidesWhoseConnectionItIs) {
  World world;
  struct Case {
    const char* peer;
    Policy::Egress egress;
    Outcome::Kind kind;
    std::errc error;
  };
  using enum Policy::Egress;
  for (const Case& c :
       {Case{"127.0.0.1:80", Split, kHost, {}}, Case{"127.0.0.1:80", Virtual, kHost, {}},
        Case{"192.0.2.1:80", Split, kHost, {}},
        Case{"192.0.2.1:80", Virtual, kFailed, std::errc::network_unreachable},
        Case{"10.9.8.9:80", Split, kInProgress, {}}, Case{"10.9.8.9:80", Virtual, kInProgress, {}},
        Case{"224.0.0.1:80", Split, kFailed, std::errc::network_unreachable},
        Case{"0.0.0.0:80", Split, kHost, {}}}) {
    App client = world.create();
    world.policy.egress = c.egress;
    const Outcome outcome = world.sockets->connect(client.id, at(c.peer), 10, world.policy);
    EXPECT_EQ(outcome.kind, c.kind) << c.peer;
    EXPECT_EQ(outcome.error, c.error) << c.peer;
  }
}

// What `ztshim why` reports is what connect does, by the same function.
TEST(Decide, DestinationAndPolicySayWhoseItIs) {
  World world;
  struct Case {
    const char* ip;
    Decision::Way split, only_virtual;
    Decision::Reason reason;
  };
  using Way = Decision::Way;
  using Reason = Decision::Reason;
  for (const Case& one : {Case{"127.0.0.1", Way::Host, Way::Host, Reason::Loopback},
                          Case{"::1", Way::Host, Way::Host, Reason::Loopback},
                          Case{"0.0.0.0", Way::Host, Way::Host, Reason::Loopback},
                          Case{"10.9.8.9", Way::Virtual, Way::Virtual, Reason::Route},
                          Case{"fd00:9:8::9", Way::Virtual, Way::Virtual, Reason::Route},
                          Case{"192.0.2.1", Way::Host, Way::Refused, Reason::NoRoute},
                          Case{"2001:db8::1", Way::Host, Way::Refused, Reason::NoRoute},
                          Case{"fe80::1", Way::Host, Way::Refused, Reason::LinkLocal},
                          Case{"239.1.1.1", Way::Refused, Way::Refused, Reason::Multicast}}) {
    Policy policy;
    const Decision split = world.sockets->decide(*IpAddress::parse(one.ip), policy);
    policy.egress = Policy::Egress::Virtual;
    const Decision only_virtual = world.sockets->decide(*IpAddress::parse(one.ip), policy);
    EXPECT_EQ(split.way, one.split) << one.ip;
    EXPECT_EQ(only_virtual.way, one.only_virtual) << one.ip;
    EXPECT_EQ(split.reason, one.reason) << one.ip;
    EXPECT_EQ(split.hop.has_value(), one.reason == Reason::Route) << one.ip;
  }
}

TEST(Connect, SocketBoundToAVirtualAddressDoesNotGoToTheHost) {
  World world;
  App client = world.create();
  ASSERT_EQ(world.sockets->bind(client.id, World::own(0), world.policy).kind, kDone);
  EXPECT_EQ(world.sockets->connect(client.id, at("192.0.2.1:80"), 10, world.policy).error,
            std::errc::network_unreachable);
}

TEST(Connect, FamiliesDoNotMix) {
  World world;
  App v4 = world.create(AF_INET);
  EXPECT_EQ(world.sockets->connect(v4.id, at("[fd00::1]:80"), 0, world.policy).error,
            std::errc::address_family_not_supported);
  App v6 = world.create(AF_INET6);
  const int on = 1;
  const ByteView value(reinterpret_cast<const std::uint8_t*>(&on), sizeof on);
  ASSERT_TRUE(world.sockets->set_option(v6.id, IPPROTO_IPV6, IPV6_V6ONLY, value).has_value());
  EXPECT_EQ(world.sockets->connect(v6.id, at("[::ffff:10.9.8.9]:80"), 0, world.policy).error,
            std::errc::network_unreachable);
}

TEST(Connect, V6SocketReachesAV4MappedPeerAndShowsMappedNames) {
  World world;
  const App listening = world.listener(80);
  App client = world.create(AF_INET6);
  EXPECT_EQ(world.sockets->local_name(client.id)->text(), "[::]:0");
  const Endpoint mapped{World::own(80).ip.mapped(), 80};
  ASSERT_EQ(world.connect(client, mapped).kind, kInProgress);
  world.settle();
  EXPECT_EQ(*world.sockets->peer_name(client.id), mapped);
  EXPECT_TRUE(world.sockets->local_name(client.id)->ip.is_v4_mapped());
}

TEST(Connect, V6ToOurOwnAddressWorks) {
  World world;
  const App listening = world.listener(80, 10, AF_INET6);
  const App client = world.connected(at("[fd00:9:8::7]:80"), AF_INET6);
  const App server = world.accept(listening);
  ASSERT_TRUE(server.fd);
  client.write("six");
  world.settle();
  EXPECT_EQ(server.read(), "six");
}

TEST(Connect, BoundPortIsUsed) {
  World world;
  const App listening = world.listener(80);
  App client = world.create();
  ASSERT_EQ(world.sockets->bind(client.id, at("0.0.0.0:4321"), world.policy).kind, kDone);
  ASSERT_EQ(world.connect(client, World::own(80)).kind, kInProgress);
  world.settle();
  AcceptMessage message;
  ASSERT_TRUE(world.accept(listening, &message).fd);
  EXPECT_EQ(message.peer, World::own(4321));
  EXPECT_EQ(message.local, World::own(80));
}

TEST(Create, RefusesWhatItIsNot) {
  World world;
  EXPECT_EQ(world.sockets->create({AF_UNIX, SOCK_STREAM, 0}, 1).error(),
            std::errc::address_family_not_supported);
  EXPECT_EQ(static_cast<int>(world.sockets->create({AF_INET, SOCK_RDM, 0}, 1).error()),
            ESOCKTNOSUPPORT);
  EXPECT_EQ(world.sockets->create({AF_INET, SOCK_STREAM, IPPROTO_UDP}, 1).error(),
            std::errc::protocol_not_supported);
}

TEST(Create, ApplicationEndIsNamedBlockingAndCloseOnExec) {
  World world;
  const App app = world.create();
  sockaddr_un address{};
  socklen_t length = sizeof address;
  ASSERT_EQ(getsockname(app.fd.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const auto name = SocketName::from_sockaddr(address, length);
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->service, world.service);
  EXPECT_EQ(name->socket, app.id);
  EXPECT_EQ(fcntl(app.fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(app.fd.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Create, ClosedFreshSocketIsForgotten) {
  World world;
  App app = world.create();
  EXPECT_EQ(world.sockets->list().size(), 1U);
  app.fd.reset();
  world.settle();
  EXPECT_TRUE(world.sockets->list().empty());
}

TEST(Create, ManySocketsCostNothingAfterwards) {
  World world;
  for (int round = 0; round < 300; ++round) {
    App app = world.create();
    world.sockets->connect(app.id, World::own(81), 0, world.policy);
    world.settle();
  }
  world.pass(Duration{1'100});
  EXPECT_TRUE(world.sockets->list().empty());
}

TEST(Shutdown, NeedsAConnection) {
  World world;
  const App fresh = world.create();
  EXPECT_EQ(world.sockets->shutdown(fresh.id, SHUT_WR).error, std::errc::not_connected);
  const auto [client, server] = world.pair();
  EXPECT_EQ(world.sockets->shutdown(client.id, SHUT_WR).kind, kDone);
}

}  // namespace
}  // namespace ztshim::sockets
