#include "service/wire/packet.h"

#include <gtest/gtest.h>

#include "tests/unit/wire/fixtures.h"

namespace ztshim {
namespace {

Bytes fresh_packet() {
  Bytes packet(kPacketHeaderSize, 0xee);
  write_packet_header(packet, PacketId(0x0102030405060708), Address(0x1112131415),
                      Address(0x2122232425), Verb::ExtFrame);
  return packet;
}

TEST(PacketHeader, is_written_at_its_fixed_places) {
  EXPECT_EQ(to_hex(fresh_packet()),
            "0102030405060708"  // ID
            "1112131415"        // destination
            "2122232425"        // source
            "00"                // flags
            "0000000000000000"  // authenticator
            "07");
}

TEST(PacketHeader, is_read_back) {
  Bytes packet = fresh_packet();
  packet[18] = 0x5b;           // fragmented, suite 3, three hops
  packet[kVerbOffset] = 0xe7;  // compressed, unused bits set
  const auto header = PacketHeader::read(packet);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->id, PacketId(0x0102030405060708));
  EXPECT_EQ(header->destination.text(), "1112131415");
  EXPECT_EQ(header->source.text(), "2122232425");
  EXPECT_EQ(header->suite(), Suite::AesGmacSiv);
  EXPECT_EQ(header->hops(), 3U);
  EXPECT_TRUE(header->is_fragmented());
  EXPECT_TRUE(header->is_compressed());
  EXPECT_EQ(header->verb(), Verb::ExtFrame);
  EXPECT_EQ(packet_id_of(packet), header->id);
}

TEST(PacketHeader, is_not_found_in_27_bytes) {
  Bytes packet = fresh_packet();
  packet.pop_back();
  EXPECT_FALSE(PacketHeader::read(packet));
}

TEST(PacketHeader, hops_run_through_eight_values_and_touch_nothing_else) {
  Bytes packet = fresh_packet();
  set_fragmented(packet);
  packet[18] = static_cast<std::uint8_t>(packet[18] | 0x88);
  for (unsigned hop = 1; hop <= 9; ++hop) {
    add_hop(packet);
    EXPECT_EQ(PacketHeader::read(packet)->hops(), hop % 8);
    EXPECT_EQ(packet[18] & 0xf8, 0xc8);
  }
}

TEST(Verbs, have_the_names_of_the_protocol) {
  EXPECT_EQ(name_of(Verb::Hello), "HELLO");
  EXPECT_EQ(name_of(Verb::PathNegotiationRequest), "PATH_NEGOTIATION_REQUEST");
  EXPECT_EQ(name_of(static_cast<Verb>(0x0f)), "unknown verb");
}

}  // namespace
}  // namespace ztshim
