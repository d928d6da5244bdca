// The tables that strangers can grow: subscriptions, queued multicasts, held packets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/vl2/held_packets.h"
#include "service/vl2/multicast_queue.h"
#include "service/vl2/subscriptions.h"

namespace ztshim::vl2 {
namespace {

using std::chrono::seconds;

const GroupKey kGroup{NetworkId(0x1234), MulticastGroup::plain_broadcast()};
const GroupKey kOther{NetworkId(0x1234), {MacAddress::broadcast(), 7}};
Time at(std::int64_t s) { return Time{seconds(s)}; }

std::vector<std::uint64_t> numbers(const Subscriptions& table, const GroupKey& key) {
  std::vector<std::uint64_t> all;
  for (const auto& entry : table.members(key)) all.push_back(entry.member.number());
  return all;
}

TEST(Subscriptions, tell_groups_of_one_mac_apart) {
  Subscriptions table;
  EXPECT_TRUE(table.add(at(0), kGroup, Address(5)));
  EXPECT_TRUE(table.add(at(0), kOther, Address(6)));
  EXPECT_FALSE(table.add(at(0), kGroup, Address(5)));
  EXPECT_THAT(numbers(table, kGroup), ::testing::ElementsAre(5));
  EXPECT_THAT(numbers(table, kOther), ::testing::ElementsAre(6));
}

TEST(Subscriptions, expire_ten_minutes_after_the_last_mention) {
  Subscriptions table;
  table.add(at(0), kGroup, Address(5));
  table.add(at(0), kGroup, Address(6));
  table.add(at(300), kGroup, Address(6));
  table.expire(at(599));
  EXPECT_THAT(numbers(table, kGroup), ::testing::ElementsAre(5, 6));
  table.expire(at(600));
  EXPECT_THAT(numbers(table, kGroup), ::testing::ElementsAre(6));
  table.expire(at(900));
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.size(), 0U);
}

TEST(Subscriptions, of_one_node_cannot_fill_the_table) {
  Subscriptions table(100, 3);
  for (std::uint32_t adi = 0; adi < 10; ++adi) {
    table.add(at(0), {NetworkId(1), {MacAddress::broadcast(), adi}}, Address(5));
  }
  EXPECT_EQ(table.size(), 3U);
  EXPECT_TRUE(table.add(at(0), kGroup, Address(6)));
  table.remove({NetworkId(1), {MacAddress::broadcast(), 0}}, Address(5));
  EXPECT_TRUE(table.add(at(0), kGroup, Address(5)));
}

TEST(Subscriptions, are_bounded_in_all) {
  Subscriptions table(10, 10);
  for (std::uint64_t n = 1; n <= 20; ++n) table.add(at(0), kGroup, Address(n));
  EXPECT_EQ(table.size(), 10U);
  EXPECT_FALSE(table.add(at(1), kGroup, Address(1)));  // known: refreshed all the same
  table.expire(at(600));
  EXPECT_THAT(numbers(table, kGroup), ::testing::ElementsAre(1));
}

TEST(Subscriptions, never_hold_a_reserved_address) {
  Subscriptions table;
  EXPECT_FALSE(table.add(at(0), kGroup, Address()));
  EXPECT_FALSE(table.add(at(0), kGroup, Address(0xff00000001)));
  EXPECT_TRUE(table.empty());
}

PendingMulticast frame(Time since, std::size_t limit) {
  PendingMulticast pending;
  pending.since = since;
  pending.limit = limit;
  return pending;
}

TEST(MulticastQueue, keeps_a_frame_for_five_seconds) {
  MulticastQueue queue;
  queue.push(at(0), kGroup, frame(at(0), 32));
  ASSERT_NE(queue.waiting(kGroup), nullptr);
  EXPECT_TRUE(queue.waiting(kGroup)->front().may_go_to(at(4), Address(5)));
  EXPECT_FALSE(queue.waiting(kGroup)->front().may_go_to(at(5), Address(5)));
  queue.expire(at(5));
  EXPECT_EQ(queue.waiting(kGroup), nullptr);
}

TEST(MulticastQueue, gives_a_frame_to_nobody_twice_and_not_to_more_than_its_limit) {
  PendingMulticast pending = frame(at(0), 2);
  pending.origin = Address(9);
  EXPECT_FALSE(pending.may_go_to(at(0), Address(9)));
  EXPECT_TRUE(pending.may_go_to(at(0), Address(5)));
  pending.sent.push_back(Address(5));
  EXPECT_FALSE(pending.may_go_to(at(0), Address(5)));
  EXPECT_TRUE(pending.may_go_to(at(0), Address(6)));
  pending.sent.push_back(Address(6));
  EXPECT_FALSE(pending.may_go_to(at(0), Address(7)));
}

TEST(MulticastQueue, drops_the_oldest_of_a_full_group) {
  MulticastQueue queue;
  for (std::size_t n = 0; n < kMulticastQueue + 3; ++n) queue.push(at(0), kGroup, frame(at(0), n));
  EXPECT_EQ(queue.waiting(kGroup)->size(), kMulticastQueue);
  EXPECT_EQ(queue.waiting(kGroup)->front().limit, 3U);
}

TEST(MulticastQueue, asks_for_members_once_a_minute_but_soon_again_while_there_are_none) {
  MulticastQueue queue;
  EXPECT_TRUE(queue.start_gather(at(0), kGroup, kGatherEvery));
  EXPECT_FALSE(queue.start_gather(at(59), kGroup, kGatherEvery));
  EXPECT_TRUE(queue.start_gather(at(59), kGroup, kGatherSpacing));
  EXPECT_FALSE(queue.start_gather(at(59), kGroup, kGatherSpacing));
  EXPECT_TRUE(queue.start_gather(at(120), kGroup, kGatherEvery));
}

TEST(MulticastQueue, remembers_a_bounded_number_of_groups) {
  MulticastQueue queue;
  for (std::uint32_t adi = 0; adi <= kMaxPendingGroups; ++adi) {
    queue.push(at(adi), {NetworkId(1), {MacAddress::broadcast(), adi}}, frame(at(adi), 1));
  }
  EXPECT_EQ(queue.waiting({NetworkId(1), {MacAddress::broadcast(), 0}}), nullptr);
  EXPECT_NE(queue.waiting({NetworkId(1), {MacAddress::broadcast(), 1}}), nullptr);
}

HeldPacket held(std::uint64_t source, NetworkId network, Time since) {
  HeldPacket packet;
  packet.source = Address(source);
  packet.network = network;
  packet.since = since;
  return packet;
}

TEST(HeldPackets, are_given_back_by_network_and_source_in_order) {
  HeldPackets packets;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    HeldPacket packet = held(5, NetworkId(1), at(0));
    packet.id = PacketId(id);
    packets.hold(packet);
  }
  packets.hold(held(6, NetworkId(1), at(0)));
  packets.hold(held(5, NetworkId(2), at(0)));
  const auto taken = packets.take(NetworkId(1), Address(5));
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_EQ(taken.front().id, PacketId(1));
  EXPECT_EQ(taken.back().id, PacketId(3));
  EXPECT_EQ(packets.all().size(), 2U);
}

TEST(HeldPackets, of_one_source_leave_room_for_others) {
  HeldPackets packets;
  for (int i = 0; i < 100; ++i) packets.hold(held(5, NetworkId(1), at(0)));
  EXPECT_EQ(packets.all().size(), kHeldPerSource);
  for (std::uint64_t n = 10; n < 100; ++n) packets.hold(held(n, NetworkId(1), at(0)));
  EXPECT_EQ(packets.all().size(), kHeldPackets);
}

TEST(HeldPackets, are_dropped_after_five_seconds) {
  HeldPackets packets;
  packets.hold(held(5, NetworkId(1), at(0)));
  packets.hold(held(6, NetworkId(1), at(3)));
  packets.expire(at(5));
  ASSERT_EQ(packets.all().size(), 1U);
  EXPECT_EQ(packets.all()[0].source, Address(6));
}

TEST(HeldPackets, that_wait_for_a_signer_do_not_go_with_those_of_a_network) {
  HeldPackets packets;
  HeldPacket packet = held(5, NetworkId(), at(0));
  packet.signer = Address(9);
  packets.hold(packet);
  EXPECT_TRUE(packets.take(NetworkId(1), Address(5)).empty());
  EXPECT_TRUE(packets.take_for_signer(Address(8)).empty());
  EXPECT_EQ(packets.take_for_signer(Address(9)).size(), 1U);
}

}  // namespace
}  // namespace ztshim::vl2
