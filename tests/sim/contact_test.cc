// Who a node stays in touch with, and what it does when its own address changes under it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/sim_node.h"

namespace ztshim::sim {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;

TEST(AlwaysContact, a_path_is_made_and_kept_without_any_traffic) {
  SimWorld world(71);
  SimNode& alice = world.add_joined("alice");
  SimNode& anchor = world.add_joined("anchor");
  alice.vl1().set_always_contact({anchor.address()});
  world.net.act(alice.host(), [](Now, Outbox&) {});  // the loop asks for the next deadline
  EXPECT_TRUE(
      world.net.run_until([&] { return alice.path_to(anchor) == Via::Direct; }, seconds(60)))
      << world.net.trace_text();
  world.net.run_for(seconds(2000));
  EXPECT_EQ(alice.path_to(anchor), Via::Direct) << world.net.trace_text();
  alice.vl1().set_always_contact({});
  world.net.run_for(seconds(1000));
  EXPECT_EQ(alice.vl1().identity_of(anchor.address()), nullptr);
}

TEST(Moon, is_had_from_its_seed_and_its_roots_become_ours) {
  SimWorld world(72);
  SimNode& alice = world.add_joined("alice");
  constexpr std::uint64_t kMoon = 0xaabbccdd;
  const Identity seed_identity = identity(30);
  const World moon =
      World::make(WorldType::Moon, kMoon, 1000, {{identity(30), {address_of(30)}}}, identity(31));
  SimNode::Settings settings;
  settings.sockets = {address_of(30)};
  settings.planet = world.planet;
  settings.moons = {moon};
  SimNode seed(world.net, "seed", seed_identity, settings);
  seed.start();
  world.net.run_for(seconds(3));
  EXPECT_FALSE(alice.vl1().is_root(seed.address()));

  world.net.act(alice.host(),
                [&](Now now, Outbox& out) { alice.vl1().orbit(now, kMoon, seed.address(), out); });
  EXPECT_TRUE(world.net.run_until([&] { return alice.vl1().is_root(seed.address()); }, seconds(40)))
      << world.net.trace_text();
  world.net.run_for(seconds(1));
  EXPECT_EQ(alice.path_to(seed), Via::Direct) << world.net.trace_text();
  ASSERT_THAT(alice.stored(), Contains(::testing::Field(&StoredObject::kind, StoredKind::Moon)));
  EXPECT_EQ(alice.stored().back().content, moon.bytes());

  world.net.act(alice.host(), [&](Now now, Outbox& out) { alice.vl1().deorbit(now, kMoon, out); });
  EXPECT_FALSE(alice.vl1().is_root(seed.address()));
}

TEST(Surface, a_new_external_address_is_noticed_and_paths_prove_themselves_again) {
  // The NAT in front of Alice: what she sends appears to come from another address after a while.
  SimWorld world(73);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  alice.send(bob, "hello");
  world.net.run_for(seconds(2));
  ASSERT_EQ(bob.path_to(alice), Via::Direct);
  const Endpoint inside = alice.endpoint();
  const Endpoint outside = address_of(201);
  const Endpoint hosts[] = {world.root().endpoint(), bob.endpoint()};
  world.net.set_filter([&](const Endpoint& from, const Endpoint& to, ByteView bytes) {
    if (from == inside) {
      world.net.inject(outside, to, bytes, Duration{20});
      return false;
    }
    if (to == outside && (from == hosts[0] || from == hosts[1])) {
      world.net.inject(from, inside, bytes, Duration{20});
      return false;
    }
    return true;
  });
  // The next greeting of the root tells; until then Alice is not to be reached at her old address.
  ASSERT_TRUE(world.net.run_until(
      [&] {
        for (const vl1::PeerInfo& peer : bob.vl1().peers(world.net.now().time)) {
          for (const vl1::PathInfo& path : peer.paths) {
            if (peer.address == alice.address() && path.remote == outside) return true;
          }
        }
        return false;
      },
      seconds(300)))
      << world.net.trace_text();
  bob.send(alice, "found you");
  alice.send(bob, "thanks");
  world.net.run_for(seconds(2));
  EXPECT_THAT(alice.texts(), ElementsAre("found you")) << world.net.trace_text();
  EXPECT_THAT(bob.texts(), ElementsAre("hello", "thanks")) << world.net.trace_text();
}

TEST(SeveralSockets, every_copy_of_a_greeting_is_answered_and_paths_are_learned_on_both) {
  SimWorld world(74);
  SimNode::Settings settings;
  settings.sockets = {{IpAddress::v4(0x09320101), 9993}, {IpAddress::v4(0x09320101), 21000}};
  SimNode& alice = world.add_node("alice", settings);
  alice.start();
  world.net.run_for(seconds(2));
  for (const vl1::PeerInfo& peer : alice.vl1().peers(world.net.now().time)) {
    EXPECT_EQ(peer.paths.size(), 2U) << world.net.trace_text();
  }
  // The root sees two ports of one address and keeps to one of them.
  for (const vl1::PeerInfo& peer : world.root().vl1().peers(world.net.now().time)) {
    EXPECT_EQ(peer.paths.size(), 1U) << world.net.trace_text();
  }
}

}  // namespace
}  // namespace ztshim::sim
