// Work per peer does not grow with their number. Times are tests/bench/engine_bench's; this counts.
#include <gtest/gtest.h>

#include "tests/sim/crowd.h"
#include "tests/sim/memory_count.h"

namespace ztshim::sim {
namespace {

using std::chrono::seconds;

struct PerPeer {
  double probes = 0;
  double wake_ups = 0;
  double looked_at = 0;
  double bytes = 0;
};

PerPeer ten_minutes_with(std::size_t peers) {
  const std::size_t before = memory_in_use();
  Crowd crowd(peers);
  EXPECT_EQ(crowd.reachable(), peers);
  const auto of = [&](std::size_t all) {
    return static_cast<double>(all) / static_cast<double>(peers);
  };
  PerPeer cost;
  cost.bytes = of(memory_in_use() - before);
  const auto looked_at = crowd.node().counters().peers_tended;
  // Active for PEER_TIMEOUT (500 s), then left to expire and forgotten.
  crowd.run_for(seconds(400), Crowd::Answers::Yes);
  EXPECT_EQ(crowd.reachable(), peers);
  cost.probes = of(crowd.probes());
  cost.wake_ups = of(crowd.wake_ups());
  crowd.run_for(seconds(1200), Crowd::Answers::Yes);
  cost.looked_at = of(crowd.node().counters().peers_tended - looked_at);
  EXPECT_TRUE(crowd.node().peers(crowd.now().time).empty());
  return cost;
}

TEST(EngineCost, per_peer_is_the_same_for_ten_and_for_three_thousand) {
  const PerPeer few = ten_minutes_with(10);
  for (const std::size_t peers : {100U, 3000U}) {
    const PerPeer many = ten_minutes_with(peers);
    EXPECT_NEAR(many.probes, few.probes, 1.0) << peers;
    EXPECT_LE(many.wake_ups, few.wake_ups + 1) << peers;  // several peers share one
    // A peer is looked at for its probes, when it falls silent, and when it is forgotten; entries
    // that were postponed are looked at in vain now and then.
    EXPECT_LE(many.looked_at, few.looked_at + 1) << peers;
    EXPECT_LE(many.looked_at, 2 * few.probes + 4) << peers;
    EXPECT_LE(many.bytes, few.bytes) << peers;  // tables of fixed size spread over more of them
  }
}

// A root that relays for many pairs at once tells each of them once per 30 s (INTRODUCE).
TEST(EngineCost, of_relaying_for_thousands_of_pairs_is_the_relaying) {
  constexpr std::size_t kPeers = 10'000;
  constexpr int kRounds = 5;
  Crowd crowd(kPeers);
  std::size_t datagrams = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t n = 0; n < kPeers; n += 2) {
      Bytes packet = crowd.frame_for(n, n + 1, as_bytes("for my neighbour"));
      crowd.out().clear();
      crowd.node().on_datagram(crowd.now(), crowd.arrival(n), packet, crowd.out());
      datagrams += crowd.out().datagrams().size();
    }
  }
  constexpr std::size_t kPairs = kPeers / 2;
  EXPECT_GE(datagrams, kPairs * (kRounds + 2));
  EXPECT_LE(datagrams, kPairs * (kRounds + 2) + kPairs / 20);
}

// A peer record, its keys and path, and its places in tables: a hundred thousand fit into 200 MB.
TEST(EngineCost, a_known_peer_takes_less_than_two_kilobytes) {
  const std::size_t before = memory_in_use();
  const Crowd few(1000);
  const std::size_t with_few = memory_in_use();
  const Crowd many(3000);
  const std::size_t with_many = memory_in_use();
  const std::size_t difference = (with_many - with_few) - (with_few - before);
  EXPECT_LE(difference / 2000, 2048U);
  RecordProperty("bytes", static_cast<int>(difference / 2000));
}

}  // namespace
}  // namespace ztshim::sim
