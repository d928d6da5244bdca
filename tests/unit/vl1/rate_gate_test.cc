#include "service/vl1/rate_gate.h"

#include <gtest/gtest.h>

namespace ztshim::vl1 {
namespace {

constexpr Time at(std::int64_t ms) { return Time{Duration{ms}}; }

TEST(RateGate, opens_once_per_interval_and_refusals_do_not_extend_it) {
  RateGate gate;
  EXPECT_TRUE(gate.enter(at(0), Duration{100}));
  EXPECT_FALSE(gate.enter(at(50), Duration{100}));
  EXPECT_FALSE(gate.enter(at(99), Duration{100}));
  EXPECT_TRUE(gate.enter(at(100), Duration{100}));
}

TEST(BurstGate, lets_the_first_few_of_a_burst_through_until_there_is_a_pause) {
  BurstGate gate;
  const Duration gap{30'000};
  int passed = 0;
  for (int i = 0; i < 20; ++i) passed += gate.enter(at(i * 20'000), gap, 8) ? 1 : 0;
  EXPECT_EQ(passed, 8);
  EXPECT_FALSE(gate.enter(at(19 * 20'000 + 30'000), gap, 8));  // not longer than the gap
  EXPECT_TRUE(gate.enter(at(19 * 20'000 + 60'001), gap, 8));
}

TEST(GateTable, keys_have_gates_of_their_own) {
  GateTable<OnCollision::Forget> table(64);
  EXPECT_TRUE(table.enter(1, at(0), Duration{100}));
  EXPECT_TRUE(table.enter(2, at(0), Duration{100}));
  EXPECT_FALSE(table.enter(1, at(50), Duration{100}));
  EXPECT_FALSE(table.enter(2, at(50), Duration{100}));
}

TEST(GateTable, where_keys_meet_one_kind_forgets_and_the_other_shares) {
  GateTable<OnCollision::Forget> forgetful(64);
  EXPECT_TRUE(forgetful.enter(1, at(0), Duration{100}));
  EXPECT_TRUE(forgetful.enter(65, at(1), Duration{100}));
  EXPECT_FALSE(forgetful.enter(1, at(2), Duration{100}));   // two have room
  EXPECT_TRUE(forgetful.enter(129, at(3), Duration{100}));  // the one let through first goes
  EXPECT_FALSE(forgetful.enter(65, at(4), Duration{100}));
  EXPECT_TRUE(forgetful.enter(1, at(5), Duration{100}));

  GateTable<OnCollision::Share> shared(64);
  EXPECT_TRUE(shared.enter(1, at(0), Duration{100}));
  EXPECT_FALSE(shared.enter(65, at(1), Duration{100}));
  EXPECT_TRUE(shared.enter(65, at(100), Duration{100}));
}

TEST(GateTable, a_larger_one_remembers_what_the_smaller_one_did) {
  GateTable<OnCollision::Forget> table(64);
  table.make_room(64);
  for (std::uint64_t key = 0; key < 40; ++key) {
    EXPECT_TRUE(table.enter(mixed(key), at(0), Duration{100}) || key == 0);
  }
  std::size_t before = 0;
  for (std::uint64_t key = 1; key < 40; ++key) before += table.last(mixed(key)) == at(0) ? 1U : 0U;
  table.make_room(1024);
  EXPECT_EQ(table.slots(), 1024U);
  std::size_t after = 0;
  for (std::uint64_t key = 1; key < 40; ++key) after += table.last(mixed(key)) == at(0) ? 1U : 0U;
  EXPECT_EQ(after, before);
  EXPECT_GT(after, 30U);
}

}  // namespace
}  // namespace ztshim::vl1
