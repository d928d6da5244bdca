#include "service/vl1/surface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/vl1/constants.h"

namespace ztshim::vl1 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr Time kStart{Duration{1'000'000}};
const Address kRoot(1), kPeer(2);

Endpoint at(const char* text) { return *Endpoint::parse(text); }
SurfaceTable::Report report(Address who, const char* reporter_at, const char* seen, bool trusted) {
  return {who, 1, at(reporter_at), at(seen), trusted};
}

TEST(SurfaceTable, keeps_what_others_saw_once_each) {
  SurfaceTable table;
  EXPECT_FALSE(table.note(report(kRoot, "9.0.0.1/1", "8.0.0.1/5", true), false, kStart));
  EXPECT_FALSE(table.note(report(kPeer, "9.0.0.2/1", "8.0.0.1/5", false), false, kStart));
  EXPECT_FALSE(table.note(report(kPeer, "9.0.0.3/1", "8.0.0.1/6", false), false, kStart));
  EXPECT_THAT(table.addresses(kStart), ElementsAre(at("8.0.0.1/5"), at("8.0.0.1/6")));
  EXPECT_THAT(table.addresses(kStart + kSurfaceTime), IsEmpty());
}

TEST(SurfaceTable, ignores_what_was_seen_from_another_scope) {
  SurfaceTable table;
  table.note(report(kRoot, "9.0.0.1/1", "10.0.0.1/5", true), false, kStart);
  table.note(report(kRoot, "127.0.0.1/1", "127.0.0.1/5", true), false, kStart);
  EXPECT_THAT(table.addresses(kStart), IsEmpty());
  table.note(report(kRoot, "127.0.0.1/1", "127.0.0.1/5", true), true, kStart);  // a lab
  EXPECT_THAT(table.addresses(kStart), ElementsAre(at("127.0.0.1/5")));
}

TEST(SurfaceTable, a_root_that_sees_us_elsewhere_means_we_have_moved) {
  SurfaceTable table;
  table.note(report(kRoot, "9.0.0.1/1", "8.0.0.1/5", true), false, kStart);
  table.note(report(kPeer, "9.0.0.2/1", "8.0.0.1/5", false), false, kStart);
  table.note(report(kPeer, "10.0.0.2/1", "10.0.0.9/5", false), false, kStart);
  // Another port alone is what NATs do.
  EXPECT_FALSE(table.note(report(kRoot, "9.0.0.1/1", "8.0.0.1/6", true), false, kStart));
  EXPECT_TRUE(table.note(report(kRoot, "9.0.0.1/1", "8.0.0.2/6", true), false, kStart));
  // What was seen from elsewhere in this scope is void now.
  EXPECT_THAT(table.addresses(kStart), UnorderedElementsAre(at("8.0.0.2/6"), at("10.0.0.9/5")));
}

TEST(SurfaceTable, others_than_roots_cannot_say_that_we_have_moved) {
  SurfaceTable table;
  table.note(report(kPeer, "9.0.0.2/1", "8.0.0.1/5", false), false, kStart);
  EXPECT_FALSE(table.note(report(kPeer, "9.0.0.2/1", "8.0.0.2/5", false), false, kStart));
}

TEST(SurfaceTable, nor_does_an_old_report_make_a_move) {
  SurfaceTable table;
  table.note(report(kRoot, "9.0.0.1/1", "8.0.0.1/5", true), false, kStart);
  EXPECT_FALSE(
      table.note(report(kRoot, "9.0.0.1/1", "8.0.0.2/5", true), false, kStart + kSurfaceTime));
}

TEST(SurfaceTable, strangers_cannot_push_out_what_roots_say) {
  SurfaceTable table;
  table.note(report(kRoot, "9.0.0.1/1", "8.0.0.1/5", true), false, kStart);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    table.note({Address(100 + i), 1, at("9.0.0.2/1"), at("7.0.0.1/1"), false}, false,
               kStart + Duration{i});
  }
  EXPECT_EQ(table.size(), kSurfaceEntries);
  EXPECT_THAT(table.addresses(kStart + Duration{1000}), ::testing::Contains(at("8.0.0.1/5")));
}

}  // namespace
}  // namespace ztshim::vl1
