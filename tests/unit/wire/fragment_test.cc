#include "service/wire/fragment.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/wire/fixtures.h"

namespace ztshim {
namespace {

Bytes packet_of(std::size_t size) {
  Bytes packet(size);
  std::iota(packet.begin(), packet.end(), std::uint8_t{0});
  return packet;
}

TEST(Datagrams, are_told_apart_by_length_and_byte_13) {
  const auto kind = [](std::size_t size, std::uint8_t byte13) {
    Bytes datagram(size);
    if (size > 13) datagram[13] = byte13;
    return kind_of_datagram(datagram);
  };
  EXPECT_EQ(kind(0, 0), DatagramKind::Nothing);
  EXPECT_EQ(kind(4, 0), DatagramKind::Nothing);
  EXPECT_EQ(kind(13, 0), DatagramKind::Beacon);
  EXPECT_EQ(kind(16, 0xff), DatagramKind::Nothing);
  EXPECT_EQ(kind(17, 0xff), DatagramKind::Fragment);
  EXPECT_EQ(kind(27, 0xfe), DatagramKind::Nothing);
  EXPECT_EQ(kind(28, 0xfe), DatagramKind::Packet);
  EXPECT_EQ(kind(28, 0xff), DatagramKind::Fragment);
}

TEST(FragmentHeader, is_receivable_within_seven_datagrams_only) {
  const auto receivable = [](int total, int number) {
    FragmentHeader header;
    header.total = static_cast<std::uint8_t>(total);
    header.number = static_cast<std::uint8_t>(number);
    return header.is_receivable();
  };
  EXPECT_TRUE(receivable(2, 1));
  EXPECT_TRUE(receivable(7, 6));
  EXPECT_FALSE(receivable(1, 1));
  EXPECT_FALSE(receivable(2, 0));
  EXPECT_FALSE(receivable(2, 2));
  EXPECT_FALSE(receivable(8, 1));
}

TEST(FragmentHeader, counts_its_own_hops) {
  FragmentHeader header;
  header.total = 2;
  header.number = 1;
  header.hops = 7;
  Bytes datagram = written(header);
  datagram.push_back(0);
  add_fragment_hop(datagram);
  const auto read = FragmentHeader::read(datagram);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->hops, 0);
  EXPECT_EQ(read->number, 1);
}

TEST(FragmentPlan, sends_a_full_frame_as_two_equal_datagrams) {
  const auto plan = FragmentPlan::make(2838);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->count(), 2U);
  EXPECT_EQ(plan->datagram_size(0), 1427U);
  EXPECT_EQ(plan->datagram_size(1), 1427U);
}

TEST(FragmentPlan, cuts_at_the_limit_when_asked_for_the_classic_division) {
  const auto plan = FragmentPlan::make(2838, kDefaultDatagramLimit, Division::Classic);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->count(), 2U);
  EXPECT_EQ(plan->datagram_size(0), 1432U);
  EXPECT_EQ(plan->datagram_size(1), 1422U);
}

TEST(FragmentPlan, leaves_whole_what_fits) {
  const auto plan = FragmentPlan::make(1432);
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->is_fragmented());
  EXPECT_EQ(plan->datagram_size(0), 1432U);
}

TEST(FragmentPlan, knows_the_largest_packet_that_seven_datagrams_carry) {
  EXPECT_TRUE(FragmentPlan::make(9928));
  EXPECT_FALSE(FragmentPlan::make(9929));
  EXPECT_TRUE(FragmentPlan::make(kMaxPacketSize, 1500));
  EXPECT_FALSE(FragmentPlan::make(kMaxPacketSize + 1, 1500));
  EXPECT_FALSE(FragmentPlan::make(27));
}

// Every size and several limits, both divisions: what is put together again is what was cut.
TEST(FragmentPlan, loses_nothing_at_any_size) {
  for (const std::size_t limit : {64UL, 65UL, 100UL, 1400UL, 1432UL, 1500UL}) {
    for (std::size_t size = kPacketHeaderSize; size <= kMaxPacketSize;
         size += size < 600 ? 1 : 37) {
      for (const Division division : {Division::Equal, Division::Classic}) {
        const auto plan = FragmentPlan::make(size, limit, division);
        if (!plan) continue;
        const Bytes packet = packet_of(size);
        Bytes joined;
        for (unsigned n = 0; n < plan->count(); ++n) {
          Bytes datagram;
          Writer out(datagram);
          plan->write_datagram(out, packet, n);
          ASSERT_EQ(datagram.size(), plan->datagram_size(n));
          ASSERT_LE(datagram.size(), limit);
          ASSERT_GT(datagram.size(), n == 0 ? kPacketHeaderSize - 1 : kFragmentHeaderSize);
          if (division == Division::Equal && n + 1 < plan->count()) {
            ASSERT_EQ(datagram.size(), plan->datagram_size(0));
          }
          append(joined, ByteView(datagram).subspan(n == 0 ? 0 : kFragmentHeaderSize));
        }
        ASSERT_EQ(joined, packet);
      }
    }
  }
}

}  // namespace
}  // namespace ztshim
