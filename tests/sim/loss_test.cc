// Networks that lose and reorder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/sim_node.h"

namespace ztshim::sim {
namespace {

using std::chrono::seconds;

class Loss : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Loss, a_fifth_of_all_datagrams_lost_delays_but_does_not_prevent) {
  SimWorld world(GetParam());
  SimNode& alice = world.add_node("alice");
  SimNode& bob = world.add_node("bob");
  // 20 % per datagram between two hosts: each end loses its share.
  for (SimNode* node : {&alice, &bob}) node->host().link = {Duration{20}, Duration{15}, 0.1};
  world.root().host().link.loss = 0.1;
  alice.start();
  bob.start();
  ASSERT_TRUE(world.net.run_until(
      [&] {
        return world.root().path_to(alice) == Via::Direct &&
               world.root().path_to(bob) == Via::Direct;
      },
      seconds(60)))
      << world.net.trace_text();

  std::size_t sent = 0;
  ASSERT_TRUE(world.net.run_until(
      [&] {
        const auto due = world.net.now().time.time_since_epoch() / seconds(1);
        if (sent < static_cast<std::size_t>(due)) {
          ++sent;
          alice.send(bob, "again");
          bob.send(alice, "and again");
        }
        return alice.path_to(bob) == Via::Direct && bob.path_to(alice) == Via::Direct;
      },
      seconds(60)))
      << world.net.trace_text();

  const std::size_t before = bob.texts().size();
  for (int i = 0; i < 200; ++i) {
    alice.send(bob, "number " + std::to_string(i));
    world.net.run_for(seconds(1));
  }
  // 200 at 81 %: 162 expected, four standard deviations are 22.
  EXPECT_GT(bob.texts().size() - before, 140U) << world.net.trace_text();
  EXPECT_LT(bob.texts().size() - before, 184U) << world.net.trace_text();
  EXPECT_EQ(alice.path_to(bob), Via::Direct) << world.net.trace_text();
}

INSTANTIATE_TEST_SUITE_P(, Loss, ::testing::Range<std::uint64_t>(31, 41));

TEST(Reordering, pieces_of_packets_find_together) {
  SimWorld world(42);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  alice.send(bob, "first");
  world.net.run_for(seconds(1));
  bob.host().link.jitter = Duration{30};
  for (int i = 0; i < 12; ++i) {
    alice.send(bob, std::string(5000, static_cast<char>('a' + i)));
    world.net.run_for(Duration{5});
  }
  world.net.run_for(seconds(1));
  ASSERT_EQ(bob.texts().size(), 13U) << world.net.trace_text();
  for (const std::string& text : bob.texts()) {
    if (text == "first") continue;
    EXPECT_EQ(text, std::string(5000, text[0]));
  }
}

}  // namespace
}  // namespace ztshim::sim
