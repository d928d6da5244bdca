// What it costs to be there: a thousand nodes that have nothing to say.
#include <gtest/gtest.h>

#include "tests/sim/sim_node.h"

namespace ztshim::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(Idle, a_thousand_nodes_cost_a_few_datagrams_a_minute_each) {
  constexpr unsigned kNodes = 1000;
  constexpr unsigned kMinutes = 10;
  SimWorld world(61);
  SimNode& root = world.root();
  std::vector<SimNode*> nodes;
  for (unsigned n = 0; n < kNodes; ++n) {
    nodes.push_back(&world.add_node("node" + std::to_string(n)));
    // Most identities of this test do not validate; the root has them in its cache.
    root.remember(nodes.back()->identity(), 12, {nodes.back()->endpoint()});
  }
  root.restart();
  for (SimNode* node : nodes) {
    node->start();
    world.net.run_for(Duration{7});
  }
  world.net.run_for(seconds(10));
  for (const SimNode* node : nodes) ASSERT_EQ(node->path_to(root), Via::Direct);

  const std::size_t datagrams = world.net.trace().datagrams();
  const std::uint64_t wake_ups = world.net.wake_ups();
  world.net.run_for(minutes(kMinutes));
  for (const SimNode* node : nodes) {
    ASSERT_EQ(node->path_to(root), Via::Direct);
    ASSERT_EQ(root.path_to(*node), Via::Direct);
  }
  // ECHO and its answer every 25 s, HELLO and its answer every 224 s: 2.4 + 0.27 of each a minute.
  const std::size_t sent = world.net.trace().datagrams() - datagrams;
  EXPECT_LT(sent, kNodes * kMinutes * 6U);
  EXPECT_GT(sent, kNodes * kMinutes * 4U);
  // A node wakes up for what it sends and for little else.
  EXPECT_LT(world.net.wake_ups() - wake_ups, kNodes * kMinutes * 6U);
}

}  // namespace
}  // namespace ztshim::sim
