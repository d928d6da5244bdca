// aes_gmac_siv.json: suite 3, its keys, and the primitives below it.
#include "service/crypto/aes_gmac_siv.h"

#include "service/crypto/hash.h"
#include "service/crypto/suites.h"
#include "tests/vectors/vector_file.h"

namespace ztshim::vectors {
namespace {

using Block = AesGmacSiv::Block;

constexpr char kFile[] = "aes_gmac_siv.json";
constexpr std::size_t kDestinationOffset = 8;
constexpr std::size_t kFlagsOffset = 18;
constexpr std::size_t kMacOffset = 19;
constexpr std::size_t kVerbOffset = 27;

template <std::size_t size>
std::array<std::uint8_t, size> exactly(const Bytes& bytes) {
  if (bytes.size() != size) throw std::runtime_error("wrong size in vector file");
  std::array<std::uint8_t, size> all;
  std::copy(bytes.begin(), bytes.end(), all.begin());
  return all;
}

Bytes file_bytes(const char* field) { return hex_bytes(file(kFile).at(field)); }

PacketKeys file_keys() { return PacketKeys(AgreedKey(exactly<48>(file_bytes("agreed_key_48")))); }

AesGmacSiv file_cipher() {
  return AesGmacSiv(exactly<32>(file_bytes("k0")), exactly<32>(file_bytes("k1")));
}

VECTOR_SUITE(AesKeys, kFile, "key_derivation");

TEST_P(AesKeys, follow_from_the_agreed_key) {
  const Secret<48> agreed(exactly<48>(bytes("agreed_key_48")));
  if (has("output_48")) {
    const Secret<48> derived =
        derive_key(agreed, bytes("label_byte").at(0), bytes("context_byte").at(0),
                   data().at("iteration").get<std::uint32_t>());
    EXPECT_EQ(to_hex(derived.bytes()), text("output_48"));
    return;
  }
  const Secret<48> k0 = derive_key(agreed, static_cast<std::uint8_t>(text("k0_label").at(0)));
  const Secret<48> k1 = derive_key(agreed, static_cast<std::uint8_t>(text("k1_label").at(0)));
  EXPECT_EQ(to_hex(k0.bytes()), text("k0_full_48"));
  EXPECT_EQ(to_hex(k0.part<0, 32>()), text("k0_aes_key"));
  EXPECT_EQ(to_hex(k1.bytes()), text("k1_full_48"));
  EXPECT_EQ(to_hex(k1.part<0, 32>()), text("k1_aes_key"));
}

VECTOR_SUITE(HmacSha384, kFile, "hmac_sha384");

TEST_P(HmacSha384, gives_the_recorded_code) {
  EXPECT_EQ(to_hex(hmac_sha384(bytes("key"), bytes("message")).bytes()), text("mac"));
}

VECTOR_SUITE(AesPrimitives, kFile, "primitives");

TEST_P(AesPrimitives, block_cipher_or_gmac) {
  const auto key = exactly<32>(bytes("key"));
  AesGmacSiv cipher(key, key);
  Block result;
  if (has("ciphertext")) {
    ASSERT_TRUE(cipher.encrypt_block(exactly<16>(bytes("plaintext")), result));
    EXPECT_EQ(to_hex(result), text("ciphertext"));
    ASSERT_TRUE(cipher.decrypt_block(exactly<16>(bytes("ciphertext")), result));
    EXPECT_EQ(to_hex(result), text("plaintext"));
    return;
  }
  ASSERT_TRUE(cipher.gmac(exactly<12>(bytes("iv_96")), bytes("data"), result));
  EXPECT_EQ(to_hex(result), text("tag"));
}

VECTOR_SUITE(AesArmor, kFile, "armor");

TEST_P(AesArmor, seals_to_the_recorded_bytes) {
  Bytes packet = bytes("unarmored");
  ASSERT_EQ(packet.size(), number("packet_size"));
  file_keys().seal(packet, Suite::AesGmacSiv);
  EXPECT_EQ(to_hex(packet), text("armored"));
  EXPECT_EQ(to_hex(packet[kFlagsOffset], 2), text("flags_byte"));
}

TEST_P(AesArmor, opens_to_the_original_content) {
  Bytes packet = bytes("armored");
  const Bytes before = packet;
  ASSERT_EQ(file_keys().open(packet), flag("dearmor_ok"));
  if (!flag("dearmor_ok")) return;
  EXPECT_EQ(to_hex(ByteView(packet).first(kVerbOffset)),
            to_hex(ByteView(before).first(kVerbOffset)))
      << "the header stays as it came, packet ID included";
  EXPECT_EQ(to_hex(ByteView(packet).subspan(kVerbOffset)),
            to_hex(ByteView(bytes("unarmored")).subspan(kVerbOffset)));
  if (has("dearmored_in_place")) {
    EXPECT_EQ(to_hex(packet), text("dearmored_in_place"));
  }
}

TEST_P(AesArmor, computes_the_recorded_blocks_on_the_way) {
  const Bytes clear = bytes("unarmored");
  const Bytes sealed = bytes("armored");
  Block header{};
  std::copy_n(sealed.begin() + kDestinationOffset, 11, header.begin());
  EXPECT_EQ(to_hex(header), text("aad_padded"));

  AesGmacSiv cipher = file_cipher();
  Bytes covered(header.begin(), header.end());
  append(covered, ByteView(clear).subspan(kVerbOffset));
  Block tag;
  ASSERT_TRUE(cipher.gmac(exactly<12>(bytes("gmac_iv_96")), covered, tag));
  EXPECT_EQ(to_hex(tag), text("gmac_tag"));

  Block encrypted;
  ASSERT_TRUE(cipher.encrypt_block(exactly<16>(bytes("siv_block_clear")), encrypted));
  EXPECT_EQ(to_hex(encrypted), text("siv_block_encrypted"));
  EXPECT_EQ(to_hex(ByteView(sealed).first(8)) + to_hex(ByteView(sealed).subspan(kMacOffset, 8)),
            text("siv_block_encrypted"));
  encrypted[12] &= 0x7f;
  EXPECT_EQ(to_hex(encrypted), text("ctr_iv"));
}

TEST_P(AesArmor, one_object_seals_and_opens_again_and_again) {
  const PacketKeys keys = file_keys();
  for (int round = 0; round < 3; ++round) {
    Bytes packet = bytes("unarmored");
    keys.seal(packet, Suite::AesGmacSiv);
    ASSERT_EQ(to_hex(packet), text("armored")) << "round " << round;
    ASSERT_TRUE(keys.open(packet)) << "round " << round;
  }
}

// Is it, hops aside, one of the packets that are accepted?
bool is_accepted_elsewhere(Bytes packet) {
  const auto without_hops = [](Bytes p) {
    p.at(kFlagsOffset) &= 0xf8;
    return p;
  };
  packet = without_hops(packet);
  for (const Json& other : file(kFile).at("dearmor")) {
    if (other.at("dearmor_ok") && without_hops(hex_bytes(other.at("packet"))) == packet)
      return true;
  }
  return false;
}

VECTOR_SUITE(AesDearmor, kFile, "dearmor");

TEST_P(AesDearmor, accepts_and_refuses_as_recorded) {
  Bytes packet = bytes("packet");
  EXPECT_EQ(packet.at(kFlagsOffset) & 7, number("hops"));
  if (!flag("dearmor_ok") && is_accepted_elsewhere(packet)) {
    // A good packet can only be refused for the keys: this case has them exchanged.
    AesGmacSiv exchanged(exactly<32>(file_bytes("k1")), exactly<32>(file_bytes("k0")));
    EXPECT_FALSE(exchanged.open(packet));
    return;
  }
  ASSERT_EQ(file_keys().open(packet), flag("dearmor_ok"));
  if (flag("dearmor_ok")) {
    EXPECT_EQ(to_hex(ByteView(packet).subspan(kVerbOffset)), text("dearmored_payload_from_verb"));
  }
}

TEST(AesFileKeys, follow_from_the_agreed_key_of_the_file) {
  const Secret<48> agreed(exactly<48>(file_bytes("agreed_key_48")));
  EXPECT_EQ(to_hex(derive_key(agreed, '0').part<0, 32>()), to_hex(file_bytes("k0")));
  EXPECT_EQ(to_hex(derive_key(agreed, '1').part<0, 32>()), to_hex(file_bytes("k1")));
}

VECTOR_SUITE(SuiteSelection, kFile, "suite_selection");

TEST_P(SuiteSelection, follows_from_secrecy_and_what_the_peer_knows) {
  const Suite suite = choose_suite(flag("encrypt_requested"), flag("aes_keys_available"));
  EXPECT_EQ(static_cast<unsigned>(suite), number("resulting_cipher_suite"));
  Bytes packet(28);
  file_keys().seal(packet, suite);
  EXPECT_EQ(to_hex(packet[kFlagsOffset], 2), text("flags_byte"));
}

}  // namespace
}  // namespace ztshim::vectors
