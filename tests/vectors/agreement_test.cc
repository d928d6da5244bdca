// agreement.json: agreed keys and signatures.
#include "service/crypto/curve25519.h"
#include "service/crypto/hash.h"
#include "service/crypto/identity.h"
#include "tests/vectors/vector_file.h"

namespace ztshim::vectors {
namespace {

std::span<const std::uint8_t, 32> key32(ByteView bytes) {
  if (bytes.size() != 32) throw std::runtime_error("wrong key size in vector file");
  return bytes.first<32>();
}

VECTOR_SUITE(Agreement, "agreement.json", "agreement");

TEST_P(Agreement, gives_the_recorded_key) {
  const auto local = Identity::parse(text("local_secret"));
  const auto remote = Identity::parse(text("remote_public"));
  ASSERT_TRUE(local && remote);
  const auto key = local->agree(*remote);
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->bytes()), text("agreed_key_48"));
}

TEST_P(Agreement, starts_from_the_recorded_shared_point) {
  const auto remote = Identity::parse(text("remote_public"));
  ASSERT_TRUE(remote);
  const std::string secret = text("local_secret");
  const auto private_key = from_hex(secret.substr(secret.rfind(':') + 1));
  ASSERT_TRUE(private_key && private_key->size() == 64);
  const auto raw = x25519(ByteView(*private_key).first<32>(), remote->public_key().first<32>());
  ASSERT_TRUE(raw);
  EXPECT_EQ(to_hex(raw->bytes()), text("x25519_raw"));
}

TEST_P(Agreement, needs_our_private_key) {
  const auto remote = Identity::parse(text("remote_public"));
  ASSERT_TRUE(remote);
  EXPECT_FALSE(remote->agree(*remote));
}

VECTOR_SUITE(AgreementLengths, "agreement.json", "agreement_lengths");

TEST_P(AgreementLengths, stretching_goes_on_past_one_digest) {
  // Whose agreement it is, the case does not tell; its key begins like that of one in the file.
  Bytes raw;
  for (const Json& agreement : file("agreement.json").at("agreement")) {
    const std::string known = agreement.at("agreed_key_48").get<std::string>();
    const std::size_t common = std::min(known.size(), text("key").size());
    if (known.compare(0, common, text("key"), 0, common) == 0) {
      raw = hex_bytes(agreement.at("x25519_raw"));
    }
  }
  ASSERT_FALSE(raw.empty()) << "no agreement has a key that begins like this one";
  Bytes key(number("length"));
  stretch_agreement(key32(raw), key);
  EXPECT_EQ(to_hex(key), text("key"));
}

VECTOR_SUITE(Signatures, "agreement.json", "signatures");

TEST_P(Signatures, are_reproduced) {
  const auto signer = Identity::parse(text("signer_secret"));
  ASSERT_TRUE(signer);
  EXPECT_EQ(to_hex(signer->sign(bytes("message"))), text("signature"));
}

TEST_P(Signatures, verify) {
  const auto signer = Identity::parse(text("signer_secret"));
  ASSERT_TRUE(signer);
  EXPECT_EQ(signer->verify(bytes("message"), bytes("signature")), flag("verifies"));
}

VECTOR_SUITE(Verification, "agreement.json", "verification");

TEST_P(Verification, accepts_and_refuses_as_recorded) {
  const auto signer = Identity::parse(text("signer_public"));
  ASSERT_TRUE(signer);
  EXPECT_EQ(signer->verify(bytes("message"), bytes("signature")), flag("verifies"));
}

}  // namespace
}  // namespace ztshim::vectors
