#include "service/vl1/defragment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/sim/participant.h"

namespace ztshim::vl1 {
namespace {

constexpr Time kStart{Duration{1000}};

Arrival from(unsigned n) { return {1, {IpAddress::v4(0x09000000 + n), 9993}}; }

// A packet cut at these sizes: the head, then the data of each fragment.
struct Cut {
  Bytes packet;
  std::vector<Bytes> datagrams;
};

Cut cut(std::uint64_t id, const std::vector<std::size_t>& sizes) {
  Cut result;
  Bytes& packet = result.packet;
  packet.resize(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}));
  sim::SeededRandom(id).fill(packet);
  write_packet_header(packet, PacketId(id), Address(1), Address(2), Verb::Nop);
  set_fragmented(packet);
  std::size_t offset = sizes[0];
  result.datagrams.emplace_back(packet.begin(),
                                packet.begin() + static_cast<std::ptrdiff_t>(offset));
  for (std::size_t n = 1; n < sizes.size(); ++n) {
    Bytes datagram;
    Writer out(datagram);
    FragmentHeader{PacketId(id), Address(1), static_cast<std::uint8_t>(sizes.size()),
                   static_cast<std::uint8_t>(n), 0}
        .write(out);
    out.bytes(ByteView(packet).subspan(offset, sizes[n]));
    offset += sizes[n];
    result.datagrams.push_back(std::move(datagram));
  }
  return result;
}

std::optional<Bytes> add(Defragmenter& d, const Cut& c, std::size_t n, Time now = kStart,
                         const Arrival& source = from(1)) {
  const auto whole = n == 0 ? d.add_head(now, source, c.datagrams[0])
                            : d.add_fragment(now, source, c.datagrams[n]);
  if (!whole) return std::nullopt;
  return to_bytes(*whole);
}

TEST(Defragmenter, any_order_of_any_division_gives_the_packet) {
  const std::vector<std::vector<std::size_t>> divisions = {
      {1427, 1411},
      {1432, 1406},
      {28, 1},
      {40, 1, 1000},
      {100, 200, 300, 400},
      {1432, 1416, 1},
      {28, 1, 1, 1, 1, 1, 1},
      {1432, 1416, 1416, 1416, 1416, 1416, 1416}};
  std::uint64_t id = 0;
  for (const auto& sizes : divisions) {
    std::vector<std::size_t> order(sizes.size());
    std::iota(order.begin(), order.end(), 0);
    int permutations = 0;
    do {
      Defragmenter defragmenter;
      const Cut packet = cut(++id, sizes);
      for (std::size_t i = 0; i + 1 < order.size(); ++i) {
        ASSERT_FALSE(add(defragmenter, packet, order[i]));
      }
      const auto whole = add(defragmenter, packet, order.back());
      ASSERT_TRUE(whole);
      EXPECT_EQ(*whole, packet.packet);
      EXPECT_EQ(defragmenter.incomplete(), 0U);
    } while (std::next_permutation(order.begin(), order.end()) && ++permutations < 800);
  }
}

TEST(Defragmenter, duplicates_do_not_count_twice) {
  Defragmenter defragmenter;
  const Cut packet = cut(1, {100, 100, 100});
  EXPECT_FALSE(add(defragmenter, packet, 1));
  EXPECT_FALSE(add(defragmenter, packet, 1));
  EXPECT_FALSE(add(defragmenter, packet, 1));
  EXPECT_FALSE(add(defragmenter, packet, 0));
  EXPECT_EQ(add(defragmenter, packet, 2), packet.packet);
}

TEST(Defragmenter, pieces_from_elsewhere_do_not_mix_in) {
  Defragmenter defragmenter;
  const Cut packet = cut(1, {100, 100});
  EXPECT_FALSE(add(defragmenter, packet, 0));
  EXPECT_FALSE(add(defragmenter, packet, 1, kStart, from(2)));
  EXPECT_EQ(defragmenter.incomplete(), 2U);
  EXPECT_EQ(add(defragmenter, packet, 1), packet.packet);
}

TEST(Defragmenter, what_stays_incomplete_for_five_seconds_is_given_up) {
  Defragmenter defragmenter;
  const Cut packet = cut(1, {100, 100});
  EXPECT_FALSE(add(defragmenter, packet, 0));
  EXPECT_FALSE(add(defragmenter, packet, 1, kStart + kReassemblyTime));
  EXPECT_EQ(add(defragmenter, packet, 0, kStart + kReassemblyTime), packet.packet);
}

TEST(Defragmenter, more_than_seven_pieces_or_a_number_beyond_the_total_are_refused) {
  Defragmenter defragmenter;
  for (const auto& [total, number] : {std::pair{8, 1}, {15, 14}, {2, 2}, {1, 0}, {2, 0}, {0, 1}}) {
    Bytes datagram;
    Writer out(datagram);
    FragmentHeader{PacketId(1), Address(1), static_cast<std::uint8_t>(total),
                   static_cast<std::uint8_t>(number), 0}
        .write(out);
    out.zeroes(100);
    EXPECT_FALSE(defragmenter.add_fragment(kStart, from(1), datagram));
  }
  EXPECT_EQ(defragmenter.incomplete(), 0U);
}

TEST(Defragmenter, contradictory_pieces_come_to_nothing) {
  Defragmenter defragmenter;
  const Cut three = cut(1, {100, 100, 100});
  const Cut two = cut(1, {100, 100});
  EXPECT_FALSE(add(defragmenter, three, 2));
  EXPECT_FALSE(add(defragmenter, two, 1));  // says two in all
  EXPECT_FALSE(add(defragmenter, three, 0));
  EXPECT_EQ(add(defragmenter, three, 1), three.packet);
}

TEST(Defragmenter, a_packet_that_would_be_too_large_is_dropped) {
  Defragmenter defragmenter;
  const Cut packet = cut(1, {5000, 5000, 25});
  EXPECT_FALSE(add(defragmenter, packet, 0));
  EXPECT_FALSE(add(defragmenter, packet, 1));
  EXPECT_FALSE(add(defragmenter, packet, 2));
  EXPECT_EQ(defragmenter.incomplete(), 0U);
}

TEST(Defragmenter, one_source_cannot_take_the_room_of_others) {
  Defragmenter defragmenter;
  const Cut honest = cut(1, {100, 100});
  EXPECT_FALSE(add(defragmenter, honest, 0));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    add(defragmenter, cut(100 + i, {50, 50}), 0, kStart, from(2));
  }
  EXPECT_EQ(defragmenter.incomplete(), 1 + kIncompletePerSource);
  EXPECT_EQ(add(defragmenter, honest, 1), honest.packet);
}

TEST(Defragmenter, many_sources_are_bounded_too_and_the_newest_is_kept) {
  Defragmenter defragmenter;
  for (unsigned i = 0; i < 1000; ++i) {
    add(defragmenter, cut(i, {50, 50}), 0, kStart + Duration{i}, from(i));
  }
  EXPECT_EQ(defragmenter.incomplete(), kIncompletePackets);
  const Cut newest = cut(999, {50, 50});
  EXPECT_EQ(add(defragmenter, newest, 1, kStart + Duration{1000}, from(999)), newest.packet);
}

}  // namespace
}  // namespace ztshim::vl1
