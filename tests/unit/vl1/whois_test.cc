#include "service/vl1/whois.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/vl1/constants.h"

namespace ztshim::vl1 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Time kStart{Duration{1000}};
const Address kAlice(0x0a), kBob(0x0b);

TEST(Lookups, ask_at_once_then_every_half_second_for_five_seconds) {
  Lookups lookups;
  EXPECT_EQ(lookups.deadline(), kNever);
  EXPECT_TRUE(lookups.want(kAlice, AskedBy::Us, kStart));
  EXPECT_FALSE(lookups.want(kAlice, AskedBy::Us, kStart + Duration{499}));
  int asked = 0;
  for (Time now = kStart; now < kStart + Duration{20'000}; now += Duration{1}) {
    if (now >= lookups.deadline()) asked += static_cast<int>(lookups.due(now).size());
  }
  EXPECT_EQ(asked, 10);  // extended once, by the second want()
  EXPECT_EQ(lookups.size(), 0U);
  EXPECT_EQ(lookups.deadline(), kNever);
}

TEST(Lookups, an_answer_ends_them) {
  Lookups lookups;
  lookups.want(kAlice, AskedBy::Us, kStart);
  EXPECT_TRUE(lookups.is_wanted(kAlice));
  lookups.answered(kAlice);
  EXPECT_FALSE(lookups.is_wanted(kAlice));
  EXPECT_THAT(lookups.due(kStart + Duration{600}), IsEmpty());
}

TEST(Lookups, strangers_cannot_make_us_ask_without_end) {
  Lookups lookups;
  std::size_t asked = 0;
  for (std::uint64_t i = 1; i <= 10'000; ++i) {
    asked += lookups.want(Address(i), AskedBy::Stranger, kStart) ? 1U : 0U;
  }
  EXPECT_EQ(asked, kLookupsForStrangers);
  // We ourselves still may.
  for (std::uint64_t i = 1; i <= 10'000; ++i) {
    asked += lookups.want(Address(0x100000 + i), AskedBy::Us, kStart) ? 1U : 0U;
  }
  EXPECT_EQ(asked, kLookups);
  EXPECT_TRUE(lookups.want(Address(0x200000), AskedBy::Us, kStart + kQueueTime));
}

TEST(Lookups, those_on_a_schedule_are_asked_once_each_time_until_something_waits) {
  Lookups lookups;
  EXPECT_TRUE(lookups.want(kAlice, AskedBy::Schedule, kStart));
  EXPECT_THAT(lookups.due(kStart + Duration{600}), IsEmpty());
  EXPECT_TRUE(lookups.is_wanted(kAlice));  // the answer may come yet
  EXPECT_EQ(lookups.deadline(), kStart + kQueueTime);
  EXPECT_TRUE(lookups.want(kAlice, AskedBy::Schedule, kStart + kQueueTime));
  lookups.want(kAlice, AskedBy::Stranger, kStart + kQueueTime + Duration{1});
  EXPECT_THAT(lookups.due(kStart + kQueueTime + kWhoisRetry), ElementsAre(kAlice));
  EXPECT_THAT(lookups.due(kStart + 3 * kQueueTime), IsEmpty());
  EXPECT_EQ(lookups.size(), 0U);
  // Its place among those of strangers is free again.
  std::size_t asked = 0;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    asked += lookups.want(Address(i), AskedBy::Stranger, kStart + 4 * kQueueTime) ? 1U : 0U;
  }
  EXPECT_EQ(asked, kLookupsForStrangers);
}

TEST(Lookups, all_of_them_are_repeated_when_a_root_appears) {
  Lookups lookups;
  lookups.want(kBob, AskedBy::Us, kStart);
  lookups.want(kAlice, AskedBy::Us, kStart);
  EXPECT_THAT(lookups.due(kStart + Duration{1}), IsEmpty());
  EXPECT_THAT(lookups.all(kStart + Duration{1}), ElementsAre(kAlice, kBob));
}

OutgoingQueue::Packet outgoing(std::uint8_t n, Time until = kStart + kQueueTime) {
  return {kAlice, Verb::Frame, Bytes{n}, false, until};
}

TEST(OutgoingQueue, drops_the_oldest_when_full) {
  OutgoingQueue queue;
  for (std::size_t i = 0; i < kQueueLength; ++i) {
    EXPECT_FALSE(queue.push(outgoing(static_cast<std::uint8_t>(i))));
  }
  EXPECT_TRUE(queue.push(outgoing(200)));
  EXPECT_EQ(queue.size(), kQueueLength);
  const auto all = queue.take(kStart);
  EXPECT_EQ(all.front().payload, Bytes{1});
  EXPECT_EQ(all.back().payload, Bytes{200});
  EXPECT_TRUE(queue.empty());
}

TEST(OutgoingQueue, gives_up_after_five_seconds) {
  OutgoingQueue queue;
  queue.push(outgoing(1));
  queue.push(outgoing(2, kStart + kQueueTime + Duration{1}));
  EXPECT_EQ(queue.deadline(), kStart + kQueueTime);
  queue.expire(kStart + kQueueTime);
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.take(kStart + kQueueTime).front().payload, Bytes{2});
}

IncomingQueue::Packet incoming(Address source, std::uint8_t n) {
  return {source, {}, Bytes{n}, kStart + kQueueTime};
}

TEST(IncomingQueue, gives_back_what_one_sender_sent_in_order) {
  IncomingQueue queue;
  queue.push(incoming(kAlice, 1), kStart);
  queue.push(incoming(kBob, 2), kStart);
  queue.push(incoming(kAlice, 3), kStart);
  const auto taken = queue.take(kAlice, kStart);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].bytes, Bytes{1});
  EXPECT_EQ(taken[1].bytes, Bytes{3});
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_THAT(queue.take(kBob, kStart + kQueueTime), IsEmpty());
}

TEST(IncomingQueue, one_unknown_sender_cannot_push_out_another) {
  IncomingQueue queue;
  queue.push(incoming(kBob, 1), kStart);
  for (std::uint8_t i = 0; i < 100; ++i) queue.push(incoming(kAlice, i), kStart);
  EXPECT_EQ(queue.take(kBob, kStart).size(), 1U);
  const auto taken = queue.take(kAlice, kStart);
  EXPECT_EQ(taken.size(), kWaitingPerSource);
  EXPECT_EQ(taken.back().bytes, Bytes{99});
}

TEST(IncomingQueue, is_bounded) {
  IncomingQueue queue;
  for (std::uint64_t i = 1; i <= 1000; ++i) queue.push(incoming(Address(i), 0), kStart);
  EXPECT_EQ(queue.size(), kQueueLength);
}

}  // namespace
}  // namespace ztshim::vl1
