// lz4.json: the compressed payload. Another encoder than the recorded one is right when its output
// decodes to the same bytes; the decision whether to compress at all is the same.
#include "service/wire/compression.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

VECTOR_SUITE(Lz4Compress, "lz4.json", "compress");

TEST_P(Lz4Compress, compresses_exactly_when_the_reference_does) {
  Bytes packet = bytes("before");
  ASSERT_EQ(packet.size() - kPacketHeaderSize, number("payload_before"));
  EXPECT_EQ(compress_packet(packet), flag("compressed"));
  EXPECT_EQ(to_hex(packet[kVerbOffset], 2), text("verb_byte_after"));
  if (!flag("compressed")) {
    EXPECT_EQ(to_hex(packet), text("before"));
    return;
  }
  EXPECT_LT(packet.size(), bytes("before").size());
  ASSERT_TRUE(decompress_packet(packet));
  EXPECT_EQ(to_hex(packet), text("before"));
}

TEST_P(Lz4Compress, undoes_what_the_reference_compressed) {
  Bytes packet = bytes("after");
  ASSERT_EQ(packet.size() - kPacketHeaderSize, number("payload_after"));
  ASSERT_EQ(decompress_packet(packet), flag("uncompress_ok"));
  if (flag("uncompress_ok")) {
    EXPECT_EQ(to_hex(packet) == text("before"), flag("round_trip"));
  }
}

VECTOR_SUITE(Lz4Uncompress, "lz4.json", "uncompress");

TEST_P(Lz4Uncompress, gives_the_recorded_result_or_refuses) {
  Bytes packet = bytes("packet");
  const bool read = decompress_packet(packet);
  EXPECT_EQ(file("lz4.json").at("max_packet_length").get<std::size_t>(), kMaxPacketSize);
  EXPECT_LE(packet.size(), kMaxPacketSize);
  if (has("implementation_defined") && flag("implementation_defined")) return;
  ASSERT_EQ(read, flag("uncompress_ok"));
  EXPECT_EQ(to_hex(packet), read ? text("result") : text("packet"));
}

}  // namespace
}  // namespace ztshim::vectors
