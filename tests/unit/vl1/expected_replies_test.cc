#include "service/vl1/expected_replies.h"

#include <gtest/gtest.h>

#include "service/vl1/constants.h"

namespace ztshim::vl1 {
namespace {

constexpr Time kStart{Duration{1000}};
const Address kPeer(0x0102030405);
const Endpoint kPlace{IpAddress::v4(0x09000001), 9993};

TEST(ExpectedReplies, an_answer_must_quote_what_was_sent_to_the_one_who_answers) {
  ExpectedReplies replies;
  replies.expect(PacketId(0x1122334455667788), kPeer, Verb::Echo, kPlace, kStart);
  const auto match = replies.match(PacketId(0x1122334455667788), kPeer, kStart + Duration{50});
  ASSERT_TRUE(match);
  EXPECT_EQ(match->verb, Verb::Echo);
  EXPECT_EQ(match->when, kStart);
  EXPECT_EQ(match->where, kPlace);
  EXPECT_FALSE(replies.match(PacketId(0x1122334455667788), Address(0x0102030406), kStart));
  // The reference compares the upper half only.
  EXPECT_FALSE(replies.match(PacketId(0x1122334455667789), kPeer, kStart));
  EXPECT_FALSE(replies.match(PacketId(0), kPeer, kStart));
}

TEST(ExpectedReplies, an_answer_may_come_several_times_but_not_for_ever) {
  ExpectedReplies replies;
  replies.expect(PacketId(7), kPeer, Verb::Hello, kPlace, kStart);
  EXPECT_TRUE(replies.match(PacketId(7), kPeer, kStart));
  EXPECT_TRUE(replies.match(PacketId(7), kPeer, kStart + kExpectedReplyTime));
  EXPECT_FALSE(replies.match(PacketId(7), kPeer, kStart + kExpectedReplyTime + Duration{1}));
}

TEST(ExpectedReplies, frames_do_not_push_out_greetings) {
  ExpectedReplies replies;
  replies.expect(PacketId(1ULL << 40 | 1), kPeer, Verb::Hello, kPlace, kStart);
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    replies.expect(PacketId(i << 32 | 2), kPeer, Verb::ExtFrame, kPlace, kStart);
  }
  EXPECT_TRUE(replies.match(PacketId(1ULL << 40 | 1), kPeer, kStart));
  EXPECT_TRUE(replies.match(PacketId(99'999ULL << 32 | 2), kPeer, kStart));
  EXPECT_FALSE(replies.match(PacketId(0ULL << 32 | 2), kPeer, kStart));
}

// A root greets everybody it knew when it starts, and a controller asks thousands for a sign of
// life within a round trip.
TEST(ExpectedReplies, ten_thousand_greetings_at_once_are_all_remembered) {
  ExpectedReplies replies;
  std::uint64_t id = 1;
  const auto next = [&id] {
    return PacketId(id = id * 6364136223846793005ULL + 1442695040888963407ULL);
  };
  std::vector<PacketId> sent;
  for (int i = 0; i < 10'000; ++i) {
    sent.push_back(next());
    replies.expect(sent.back(), kPeer, Verb::Hello, kPlace, kStart);
  }
  std::size_t remembered = 0;
  for (const PacketId packet : sent) remembered += replies.match(packet, kPeer, kStart) ? 1U : 0U;
  EXPECT_GE(remembered, 9'990U);
}

TEST(ExpectedReplies, the_table_grows_for_what_is_under_way_alone_and_not_without_end) {
  ExpectedReplies replies;
  std::uint64_t id = 1;
  const auto next = [&id] {
    return PacketId(id = id * 6364136223846793005ULL + 1442695040888963407ULL);
  };
  Time now = kStart;
  for (int i = 0; i < 100'000; ++i) {
    replies.expect(next(), kPeer, Verb::Echo, kPlace, now);
    now += Duration{50};
  }
  EXPECT_LE(replies.capacity(), 2048U);  // 100 are in flight at a time
  for (int i = 0; i < 1'000'000; ++i) replies.expect(next(), kPeer, Verb::Echo, kPlace, now);
  EXPECT_EQ(replies.capacity(), kMostExpectedReplies);
}

TEST(ExpectedReplies, only_verbs_that_are_answered_are_remembered) {
  EXPECT_TRUE(ExpectedReplies::may_be_answered(Verb::NetworkConfigRequest));
  EXPECT_TRUE(ExpectedReplies::may_be_answered(Verb::MulticastGather));
  EXPECT_FALSE(ExpectedReplies::may_be_answered(Verb::Frame));
  EXPECT_FALSE(ExpectedReplies::may_be_answered(Verb::Ok));
}

}  // namespace
}  // namespace ztshim::vl1
