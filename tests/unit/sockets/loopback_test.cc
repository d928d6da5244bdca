// ZTSHIM_LOOPBACK: whose 127/8 and ::1 are, by the policy of who asks.
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/unit/sockets/world.h"

namespace ztshim::sockets {
namespace {

using Kind = Outcome::Kind;

Endpoint at(const char* text) { return *Endpoint::parse(text); }

class LoopbackPolicy : public testing::Test {
 protected:
  LoopbackPolicy() { world.policy.loopback = Policy::Loopback::Virtual; }

  App bound(const char* local) {
    App app = world.create(at(local).ip.is_v4() ? AF_INET : AF_INET6);
    EXPECT_EQ(world.sockets->bind(app.id, at(local), world.policy).kind, Kind::Done) << local;
    return app;
  }
  App listening(const char* local) {
    App app = bound(local);
    EXPECT_EQ(world.sockets->listen(app.id, 5, 0, world.policy).kind, Kind::Done);
    return app;
  }
  World world;
};

TEST_F(LoopbackPolicy, HostMeansTheHostWhateverTheEgress) {
  world.policy.loopback = Policy::Loopback::Host;
  for (const auto egress : {Policy::Egress::Split, Policy::Egress::Virtual}) {
    world.policy.egress = egress;
    for (const char* const to : {"127.0.0.1:80", "127.9.9.9:80", "0.0.0.0:80"}) {
      App app = world.create();
      EXPECT_EQ(world.connect(app, at(to)).kind, Kind::Host) << to;
    }
    for (const char* const to : {"[::1]:80", "[::]:80", "[::ffff:127.0.0.1]:80"}) {
      App app = world.create(AF_INET6);
      EXPECT_EQ(world.connect(app, at(to)).kind, Kind::Host) << to;
      App other = world.create(AF_INET6);
      if (at(to).ip.unmapped().is_loopback()) {
        EXPECT_EQ(world.sockets->bind(other.id, at(to), world.policy).kind, Kind::Host);
      }
    }
  }
}

TEST_F(LoopbackPolicy, VirtualMeansOurs) {
  const std::size_t frames = world.frames;
  const App v4 = listening("127.0.0.7:80"), v6 = listening("[::1]:80");
  App client = world.connected(at("127.0.0.7:80"));
  EXPECT_EQ(client.poll_bits(), POLLOUT);
  EXPECT_EQ(world.sockets->local_name(client.id)->ip, *IpAddress::parse("127.0.0.1"));
  App six = world.connected(at("[::1]:80"), AF_INET6);
  EXPECT_EQ(six.poll_bits(), POLLOUT);
  App mapped = world.connected(at("[::ffff:127.0.0.7]:80"), AF_INET6);
  EXPECT_EQ(mapped.poll_bits(), POLLOUT);
  EXPECT_TRUE(world.accept(v4).fd && world.accept(v4).fd && world.accept(v6).fd);
  App refused = world.create();
  world.connect(refused, at("127.0.0.1:80"));
  world.settle();
  EXPECT_EQ(world.sockets->take_error(refused.id), ECONNREFUSED);
  EXPECT_EQ(world.frames, frames);
}

TEST_F(LoopbackPolicy, TheUnspecifiedAddressIsTheLoopback) {
  const App any = listening("[::]:80");
  App four = world.connected(at("0.0.0.0:80"));
  EXPECT_EQ(world.sockets->peer_name(four.id)->text(), "127.0.0.1:80");
  App six = world.connected(at("[::]:80"), AF_INET6);
  EXPECT_EQ(world.sockets->peer_name(six.id)->text(), "[::1]:80");
}

TEST_F(LoopbackPolicy, WildcardListenersAreReachedThereAndOnTheNetworks) {
  const App any = listening("0.0.0.0:80");
  App inside = world.connected(at("127.0.0.1:80"));
  App outside = world.connected(World::own(80));
  EXPECT_EQ(inside.poll_bits(), POLLOUT);
  EXPECT_EQ(outside.poll_bits(), POLLOUT);
}

TEST_F(LoopbackPolicy, WhatIsBoundThereDoesNotLeave) {
  App app = bound("127.0.0.1:0");
  EXPECT_EQ(world.connect(app, World::other(80)).error, std::errc::invalid_argument);
  EXPECT_EQ(world.connect(app, at("192.0.2.1:80")).error, std::errc::invalid_argument);
  const App listener = listening("0.0.0.0:80");
  EXPECT_EQ(world.connect(app, World::own(80)).kind, Kind::InProgress);
}

TEST_F(LoopbackPolicy, OtherDestinationsGoAsEver) {
  App app = world.create();
  EXPECT_EQ(world.connect(app, at("192.0.2.1:80")).kind, Kind::Host);
  world.policy.egress = Policy::Egress::Virtual;
  EXPECT_EQ(world.connect(app, at("192.0.2.1:80")).error, std::errc::network_unreachable);
}

TEST_F(LoopbackPolicy, IsTheCallersOwn) {
  const App ours = listening("127.0.0.1:80");
  Policy other;
  App app = world.create();
  EXPECT_EQ(world.sockets->connect(app.id, at("127.0.0.1:80"), 0, other).kind, Kind::Host);
  App binding = world.create();
  EXPECT_EQ(world.sockets->bind(binding.id, at("127.0.0.1:80"), other).kind, Kind::Host);
  EXPECT_EQ(world.connect(app, at("127.0.0.1:80")).kind, Kind::InProgress);
}

TEST_F(LoopbackPolicy, DecideSaysSo) {
  const auto decided = world.sockets->decide(*IpAddress::parse("0.0.0.0"), world.policy);
  EXPECT_EQ(decided.way, Decision::Way::Virtual);
  EXPECT_EQ(decided.reason, Decision::Reason::Loopback);
  ASSERT_TRUE(decided.hop.has_value());
  EXPECT_EQ(decided.hop->interface, stack::kLoopback);
  EXPECT_EQ(decided.hop->next_hop, *IpAddress::parse("127.0.0.1"));
}

}  // namespace
}  // namespace ztshim::sockets
