// Nodes behind address translators: who finds a direct path, and what happens to the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/sim_node.h"

namespace ztshim::sim {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

// Alice and Bob, each behind a NAT of their own, in touch with their root.
class BehindNats : public ::testing::Test {
 protected:
  SimNode& add_behind(const std::string& name, Nat& nat, std::uint32_t inside) {
    SimNode::Settings settings;
    settings.sockets = {{IpAddress::v4(inside), 9993}};
    SimNode& node = world.add_node(name, settings);
    world.net.put_behind(node.host(), &nat);
    node.start();
    world.net.run_for(seconds(3));
    EXPECT_EQ(world.root().path_to(node), Via::Direct) << world.net.trace_text();
    return node;
  }
  Nat& nat(Nat::Kind kind, unsigned n) { return world.net.add_nat(kind, address_of(100 + n).ip); }
  // They talk every second; true when both have found a direct path.
  bool talk(SimNode& alice, SimNode& bob, int times) {
    for (int i = 0; i < times; ++i) {
      alice.send(bob, "a");
      bob.send(alice, "b");
      world.net.run_for(seconds(1));
    }
    return alice.path_to(bob) == Via::Direct && bob.path_to(alice) == Via::Direct;
  }

  SimWorld world{81};
};

TEST_F(BehindNats, two_port_restricted_ones_are_punched_through_at_once) {
  SimNode& alice = add_behind("alice", nat(Nat::Kind::PortRestricted, 1), 0x0a010001);
  SimNode& bob = add_behind("bob", nat(Nat::Kind::PortRestricted, 2), 0x0a020001);
  EXPECT_TRUE(talk(alice, bob, 3)) << world.net.trace_text();
  const auto relayed = world.root().vl1().counters().relayed;
  EXPECT_TRUE(talk(alice, bob, 100));
  EXPECT_EQ(world.root().vl1().counters().relayed, relayed) << world.net.trace_text();
  EXPECT_EQ(alice.texts().size(), 103U);
}

TEST_F(BehindNats, an_idle_but_active_pair_keeps_its_mappings_open) {
  SimNode& alice = add_behind("alice", nat(Nat::Kind::PortRestricted, 1), 0x0a010001);
  SimNode& bob = add_behind("bob", nat(Nat::Kind::PortRestricted, 2), 0x0a020001);
  ASSERT_TRUE(talk(alice, bob, 3));
  world.net.run_for(seconds(400));  // seven times the life of a mapping
  const auto relayed = world.root().vl1().counters().relayed;
  alice.send(bob, "after a while");
  world.net.run_for(seconds(1));
  EXPECT_EQ(bob.texts().back(), "after a while") << world.net.trace_text();
  EXPECT_EQ(world.root().vl1().counters().relayed, relayed) << world.net.trace_text();
}

TEST_F(BehindNats, an_idle_node_can_still_be_reached_by_way_of_its_root) {
  SimNode& alice = add_behind("alice", nat(Nat::Kind::PortRestricted, 1), 0x0a010001);
  world.net.run_for(seconds(3600));
  SimNode& bob = add_behind("bob", nat(Nat::Kind::PortRestricted, 2), 0x0a020001);
  bob.send(alice, "anybody home?");
  world.net.run_for(seconds(1));
  EXPECT_THAT(alice.texts(), ElementsAre("anybody home?")) << world.net.trace_text();
}

TEST_F(BehindNats, two_symmetric_ones_go_on_through_the_relay) {
  SimNode& alice = add_behind("alice", nat(Nat::Kind::Symmetric, 1), 0x0a010001);
  SimNode& bob = add_behind("bob", nat(Nat::Kind::Symmetric, 2), 0x0a020001);
  EXPECT_FALSE(talk(alice, bob, 60));
  EXPECT_EQ(alice.texts().size(), 60U) << world.net.trace_text();
  EXPECT_EQ(bob.texts().size(), 60U);
}

TEST_F(BehindNats, a_symmetric_one_meets_a_full_cone) {
  SimNode& alice = add_behind("alice", nat(Nat::Kind::Symmetric, 1), 0x0a010001);
  SimNode& bob = add_behind("bob", nat(Nat::Kind::FullCone, 2), 0x0a020001);
  EXPECT_TRUE(talk(alice, bob, 5)) << world.net.trace_text();
}

TEST_F(BehindNats, neighbours_behind_one_nat_meet_on_their_inner_addresses) {
  Nat& home = nat(Nat::Kind::PortRestricted, 1);
  SimNode& alice = add_behind("alice", home, 0x0a010001);
  SimNode& bob = add_behind("bob", home, 0x0a010002);
  EXPECT_TRUE(talk(alice, bob, 5)) << world.net.trace_text();
  bool inner = false;
  for (const vl1::PeerInfo& peer : alice.vl1().peers(world.net.now().time)) {
    if (peer.address != bob.address()) continue;
    for (const vl1::PathInfo& path : peer.paths) {
      inner = inner || (path.preferred && path.remote == bob.endpoint());
    }
  }
  EXPECT_TRUE(inner) << world.net.trace_text();
}

TEST_F(BehindNats, a_nat_that_forgets_everything_is_noticed_within_seconds) {
  Nat& home = nat(Nat::Kind::PortRestricted, 1);
  SimNode& alice = add_behind("alice", home, 0x0a010001);
  SimNode& bob = add_behind("bob", nat(Nat::Kind::PortRestricted, 2), 0x0a020001);
  ASSERT_TRUE(talk(alice, bob, 3));
  home.forget();
  const std::size_t heard = bob.texts().size();
  for (int i = 0; i < 12; ++i) talk(alice, bob, 1);
  const std::size_t lost = 12 - (bob.texts().size() - heard);
  EXPECT_LE(lost, 8U) << world.net.trace_text();
  // The new mapping is the path now.
  const auto relayed = world.root().vl1().counters().relayed;
  EXPECT_TRUE(talk(alice, bob, 10));
  EXPECT_EQ(bob.texts().size() - heard + lost, 22U) << world.net.trace_text();
  EXPECT_EQ(world.root().vl1().counters().relayed, relayed) << world.net.trace_text();
}

}  // namespace
}  // namespace ztshim::sim
