// salsa_armor.json: suites 0 and 1, the tail of HELLO, and the primitives below them.
#include <sodium.h>

#include "service/crypto/hash.h"
#include "service/crypto/libraries.h"
#include "service/crypto/salsa_poly.h"
#include "service/crypto/suites.h"
#include "tests/vectors/vector_file.h"

namespace ztshim::vectors {
namespace {

constexpr std::size_t kFlagsOffset = 18;
constexpr std::size_t kVerbOffset = 27;

// These suites use the first 32 bytes of the agreed key; cases name no more. The rest, which only
// suite 3 uses, is the file's.
PacketKeys keys_for(const Bytes& key) {
  Bytes agreed = hex_bytes(file("salsa_armor.json").at("agreed_key_48"));
  if (agreed.size() != 48 || key.size() > agreed.size()) {
    throw std::runtime_error("wrong key size in vector file");
  }
  std::copy(key.begin(), key.end(), agreed.begin());
  return PacketKeys(AgreedKey(ByteView(agreed).first<48>()));
}

Bytes file_key() { return hex_bytes(file("salsa_armor.json").at("key")); }

TEST(SalsaFileKey, is_the_first_part_of_the_agreed_key) {
  EXPECT_EQ(to_hex(file_key()),
            file("salsa_armor.json").at("agreed_key_48").get<std::string>().substr(0, 64));
}

VECTOR_SUITE(SalsaArmor, "salsa_armor.json", "armor");

TEST_P(SalsaArmor, seals_to_the_recorded_bytes) {
  Bytes packet = bytes("unarmored");
  ASSERT_EQ(packet.size(), number("packet_size"));
  keys_for(file_key()).seal(packet, static_cast<Suite>(number("cipher_suite")));
  EXPECT_EQ(to_hex(packet), text("armored"));
  EXPECT_EQ(to_hex(packet[kFlagsOffset], 2), text("flags_byte"));
}

TEST_P(SalsaArmor, opens_to_the_original_content) {
  Bytes packet = bytes("armored");
  const Bytes before = packet;
  ASSERT_EQ(keys_for(file_key()).open(packet), flag("dearmor_ok"));
  if (!flag("dearmor_ok")) return;
  EXPECT_EQ(to_hex(ByteView(packet).first(kVerbOffset)),
            to_hex(ByteView(before).first(kVerbOffset)))
      << "the header stays as it came";
  EXPECT_EQ(to_hex(ByteView(packet).subspan(kVerbOffset)),
            to_hex(ByteView(bytes("unarmored")).subspan(kVerbOffset)));
}

TEST_P(SalsaArmor, derives_the_recorded_keys_on_the_way) {
  const Bytes agreed = file_key();
  const Bytes packet = bytes("armored");
  const Secret<32> mixed = salsa_poly::packet_key(ByteView(agreed).first<32>(), packet);
  EXPECT_EQ(to_hex(mixed.bytes()), text("mangled_key"));

  Bytes block(64);
  salsa_poly::xor_stream(mixed.bytes(), ByteView(packet).first<8>(), 0, block);
  EXPECT_EQ(to_hex(block), text("keystream_block0"));
  EXPECT_EQ(to_hex(ByteView(block).first(32)), text("poly1305_key"));

  Bytes tag(crypto_onetimeauth_poly1305_BYTES);
  const ByteView content = ByteView(packet).subspan(kVerbOffset);
  crypto_onetimeauth_poly1305(tag.data(), content.data(), content.size(), block.data());
  EXPECT_EQ(to_hex(tag), text("poly1305_tag"));
}

VECTOR_SUITE(SalsaDearmor, "salsa_armor.json", "dearmor");

TEST_P(SalsaDearmor, accepts_and_refuses_as_recorded) {
  Bytes packet = bytes("packet");
  EXPECT_EQ(packet[kFlagsOffset] & 7, number("hops"));
  EXPECT_EQ(packet[kFlagsOffset] >> 3 & 7, number("cipher_suite"));
  ASSERT_EQ(keys_for(bytes("key")).open(packet), flag("dearmor_ok"));
  if (flag("dearmor_ok")) {
    EXPECT_EQ(to_hex(packet), text("dearmored"));
  }
}

VECTOR_SUITE(HelloTail, "salsa_armor.json", "crypt_field");

TEST_P(HelloTail, is_masked_and_unmasked) {
  const std::size_t start = number("start");
  Bytes packet = bytes("iv");
  packet.resize(start);
  append(packet, bytes("before"));
  ASSERT_EQ(packet.size(), start + number("length"));
  const Bytes clear = packet;
  const PacketKeys keys = keys_for(bytes("key"));

  keys.crypt_hello_tail(packet, start);
  EXPECT_EQ(to_hex(ByteView(packet).subspan(start)), text("after"));
  EXPECT_EQ(to_hex(ByteView(packet).first(start)), to_hex(ByteView(clear).first(start)));
  keys.crypt_hello_tail(packet, start);
  EXPECT_EQ(to_hex(packet), to_hex(clear));
}

TEST_P(HelloTail, uses_the_packet_id_without_its_lowest_bits) {
  const Bytes key = bytes("key");
  Bytes field = bytes("before");
  salsa_poly::xor_stream(ByteView(key).first<32>(), ByteView(bytes("iv_used")).first<8>(), 0,
                         field);
  EXPECT_EQ(to_hex(field), text("after"));
}

VECTOR_SUITE(SalsaPrimitives, "salsa_armor.json", "primitives");

TEST_P(SalsaPrimitives, salsa_with_12_rounds) {
  const Bytes key = bytes("key");
  const Bytes nonce = bytes("iv");
  Bytes data = bytes("plaintext");
  salsa_poly::xor_stream(ByteView(key).first<32>(), ByteView(nonce).first<8>(), 0, data);
  EXPECT_EQ(to_hex(data), text("salsa20_12"));
}

TEST_P(SalsaPrimitives, salsa_with_12_rounds_may_start_at_any_block) {
  const Bytes key = bytes("key");
  const Bytes nonce = bytes("iv");
  Bytes data = bytes("plaintext");
  const MutableBytes all(data);
  for (std::size_t block = 0; block * 64 < all.size(); ++block) {
    const std::size_t begin = block * 64;
    salsa_poly::xor_stream(ByteView(key).first<32>(), ByteView(nonce).first<8>(), block,
                           all.subspan(begin, std::min<std::size_t>(64, all.size() - begin)));
  }
  EXPECT_EQ(to_hex(data), text("salsa20_12"));
}

TEST_P(SalsaPrimitives, salsa_with_20_rounds) {
  start_sodium();
  Bytes data = bytes("plaintext");
  if (data.empty()) {  // libsodium wants a place even for nothing
    EXPECT_EQ(text("salsa20_20"), "");
    return;
  }
  crypto_stream_salsa20_xor(data.data(), data.data(), data.size(), bytes("iv").data(),
                            bytes("key").data());
  EXPECT_EQ(to_hex(data), text("salsa20_20"));
}

TEST_P(SalsaPrimitives, poly1305) {
  const Bytes data = bytes("plaintext");
  Bytes tag(crypto_onetimeauth_poly1305_BYTES);
  crypto_onetimeauth_poly1305(tag.data(), data.data(), data.size(), bytes("key").data());
  EXPECT_EQ(to_hex(tag), text("poly1305"));
}

TEST_P(SalsaPrimitives, digests) {
  EXPECT_EQ(to_hex(sha512(bytes("plaintext"))), text("sha512"));
  EXPECT_EQ(to_hex(sha384(bytes("plaintext"))), text("sha384"));
}

}  // namespace
}  // namespace ztshim::vectors
