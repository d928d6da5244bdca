// Roots that go away, come back without their memory, or are replaced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/sim_node.h"

namespace ztshim::sim {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

TEST(RootRestart, with_its_cache_it_is_back_within_seconds) {
  SimWorld world(21);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  world.net.run_for(seconds(30));
  world.root().save_peers();
  world.root().restart();
  world.net.run_for(seconds(2));
  EXPECT_EQ(world.root().path_to(alice), Via::Direct) << world.net.trace_text();
  EXPECT_EQ(world.root().path_to(bob), Via::Direct) << world.net.trace_text();
  alice.send(bob, "still there?");
  world.net.run_for(seconds(1));
  EXPECT_THAT(bob.texts(), ElementsAre("still there?")) << world.net.trace_text();
}

// Many more than it greets at once after its start; most of these would not pass a validation.
TEST(RootRestart, with_its_cache_it_knows_whoever_greets_it_first) {
  constexpr unsigned kNodes = 2000;
  SimWorld world(28);
  std::vector<SimNode*> nodes;
  for (unsigned n = 0; n < kNodes; ++n) {
    nodes.push_back(&world.add_node("node" + std::to_string(n)));
    world.root().remember(nodes.back()->identity(), 12, {});
  }
  world.root().restart();
  for (SimNode* node : nodes) node->start();
  world.net.run_for(std::chrono::milliseconds(100));
  std::size_t known = 0;
  for (const SimNode* node : nodes) known += world.root().path_to(*node) == Via::Direct ? 1U : 0U;
  EXPECT_EQ(known, kNodes);
}

TEST(RootRestart, without_its_cache_whoever_wants_something_greets_it_again) {
  SimWorld world(22);
  SimNode& alice = world.add_joined("alice");
  world.net.run_for(seconds(30));
  world.root().forget_cache();
  world.root().restart();
  SimNode& bob = world.add_joined("bob");
  alice.send(bob, "hello");
  EXPECT_TRUE(world.net.run_until([&] { return !bob.texts().empty(); }, seconds(5)))
      << world.net.trace_text();
}

TEST(RootRestart, without_its_cache_idle_nodes_are_known_again_within_a_minute) {
  SimWorld world(23);
  SimNode& alice = world.add_joined("alice");
  world.net.run_for(seconds(30));
  world.root().forget_cache();
  world.root().restart();
  world.net.run_for(seconds(60));
  EXPECT_EQ(world.root().path_to(alice), Via::Direct) << world.net.trace_text();
}

TEST(RootLoss, peers_with_a_direct_path_go_on_without_any_root) {
  SimWorld world(24);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  alice.send(bob, "hello");
  world.net.run_for(seconds(5));
  world.root().stop();
  for (int minute = 0; minute < 20; ++minute) {
    alice.send(bob, "ping");
    bob.send(alice, "pong");
    world.net.run_for(seconds(60));
  }
  EXPECT_EQ(bob.texts().size(), 21U) << world.net.trace_text();
  EXPECT_EQ(alice.texts().size(), 20U);
  EXPECT_FALSE(alice.vl1().is_online(world.net.now().time));
  EXPECT_FALSE(std::get<OnlineChanged>(alice.events().back()).online);
}

TEST(RootLoss, the_other_root_takes_over) {
  SimWorld world(25, 2);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  world.net.run_for(seconds(120));
  const Address relay = alice.vl1().best_root(world.net.now().time);
  SimNode& lost = world.root(0).address() == relay ? world.root(0) : world.root(1);
  lost.stop();
  alice.send(bob, "by the other way");
  EXPECT_TRUE(world.net.run_until([&] { return !bob.texts().empty(); }, seconds(5)))
      << world.net.trace_text();
  EXPECT_NE(alice.vl1().best_root(world.net.now().time), relay);
}

TEST(RootLoss, a_newer_planet_spreads_and_leads_to_the_new_root) {
  SimWorld world(26);
  SimNode& alice = world.add_joined("alice");
  const Identity second = identity(50);
  World newer =
      planet_of({{world.root().identity(), {world.root().endpoint()}}, {second, {address_of(50)}}});
  newer.timestamp = world.planet.timestamp + 1;
  newer.sign(identity(0));  // whose key the present planet names

  // The root is started anew with the new planet file; its cache is as it was.
  SimNode::Settings settings;
  settings.sockets = {address_of(50)};
  settings.planet = newer;
  SimNode root2(world.net, "root2", second, settings);
  root2.start();
  world.root().save_peers();
  world.root().set_planet(newer);
  world.root().restart();
  world.net.run_for(seconds(250));  // everybody greets it within 224 s
  ASSERT_TRUE(alice.vl1().planet());
  EXPECT_EQ(alice.vl1().planet()->timestamp, newer.timestamp) << world.net.trace_text();
  EXPECT_EQ(alice.path_to(root2), Via::Direct) << world.net.trace_text();
  EXPECT_THAT(alice.stored(),
              ::testing::Contains(::testing::Field(&StoredObject::kind, StoredKind::Planet)));
}

TEST(RootLoss, a_planet_signed_by_somebody_else_is_not_believed) {
  SimWorld world(27);
  SimNode& alice = world.add_joined("alice");
  World forged = world.planet;
  forged.timestamp += 1;
  forged.sign(identity(5));
  world.root().save_peers();
  world.root().set_planet(forged);
  world.root().restart();
  world.net.run_for(seconds(250));
  EXPECT_EQ(alice.vl1().planet()->timestamp, world.planet.timestamp) << world.net.trace_text();
}

}  // namespace
}  // namespace ztshim::sim
