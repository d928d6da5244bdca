#include "service/wire/compression.h"

#include <gtest/gtest.h>

#include "service/wire/packet.h"
#include "tests/unit/wire/fixtures.h"

namespace ztshim {
namespace {

Bytes packet_with(const Bytes& payload, Verb verb = Verb::UserMessage) {
  Bytes packet(kPacketHeaderSize);
  write_packet_header(packet, PacketId(1), Address(2), Address(3), verb);
  append(packet, payload);
  return packet;
}

TEST(Compression, gives_the_block_of_the_notes) {
  Bytes payload(200);
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(i % 7);
  Bytes packet = packet_with(payload);
  ASSERT_TRUE(compress_packet(packet));
  EXPECT_EQ(to_hex(ByteView(packet).subspan(kVerbOffset)),
            to_hex(bytes_of("94 7f 00010203040506 0700 a9 50 0600010203")));
  ASSERT_TRUE(decompress_packet(packet));
  EXPECT_EQ(packet, packet_with(payload));
}

TEST(Compression, leaves_short_and_incompressible_payloads_alone) {
  Bytes short_packet = packet_with(Bytes(64));
  EXPECT_FALSE(compress_packet(short_packet));
  EXPECT_EQ(short_packet, packet_with(Bytes(64)));

  Bytes noise(500);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : noise) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  Bytes packet = packet_with(noise);
  EXPECT_FALSE(compress_packet(packet));
  EXPECT_EQ(packet, packet_with(noise));
}

TEST(Compression, is_not_applied_twice) {
  Bytes packet = packet_with(Bytes(5000));
  ASSERT_TRUE(compress_packet(packet));
  const Bytes once = packet;
  EXPECT_FALSE(compress_packet(packet));
  EXPECT_EQ(packet, once);
}

TEST(Decompression, refuses_what_grows_beyond_a_packet_and_leaves_it_unchanged) {
  Bytes packet = packet_with(bytes_of("1f 61 0100"));
  packet.insert(packet.end(), 45, 0xff);
  append(packet, bytes_of("00 50 6263646566"));
  packet[kVerbOffset] |= kFlagCompressed;
  const Bytes before = packet;
  EXPECT_FALSE(decompress_packet(packet));
  EXPECT_EQ(packet, before);
}

TEST(Decompression, refuses_a_block_that_holds_nothing) {
  Bytes packet = packet_with(bytes_of("00"));
  packet[kVerbOffset] |= kFlagCompressed;
  EXPECT_FALSE(decompress_packet(packet));
}

TEST(Decompression, refuses_what_is_no_packet) {
  Bytes packet(27);
  EXPECT_FALSE(decompress_packet(packet));
}

}  // namespace
}  // namespace ztshim
