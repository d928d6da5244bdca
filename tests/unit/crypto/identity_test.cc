#include "service/crypto/identity.h"

#include <gmock/gmock.h>

#include "tests/unit/crypto/fixed_random.h"

namespace ztshim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Two identities of the notes (vl1-crypto 8.1).
constexpr char kA[] =
    "8e4df28b72:0:ac3d46abe0c21f3cfe7a6c8d6a85cfcffcb82fbd55af6a4d6350657c68200843"
    "fa2e16f9418bbd9702cae365f2af5fb4c420908b803a681d4daef6114d78a2d7:"
    "bd8dd6e4ce7022d2f812797a80c6ee8ad180dc4ebf301dec8b06d1be08832bdd"
    "d63a2f1cfa7b2c504474c75bdc8898ba476ef92e8e2d0509f8441985171ff16e";
constexpr char kB[] =
    "5861f6d21f:0:8e1d4bfac4f125527e3be5a619a40e06c7e8f49587229f3e66816bca4e62d537"
    "78ea836de95c5686721463b0b824ce95462e58cc154cec7882794bce80f7cc03:"
    "d367686c7a9877ce619cceea895f6a624c335ae7fc47032e7b7138f5321ca927"
    "ea348da3974e681dba2f83b19b00778399dffc8b6f34d7ef1760bfc860afc351";

Identity a() { return *Identity::parse(kA); }
Identity b() { return *Identity::parse(kB); }
std::string public_a() { return a().text(); }

IdentityError error_of(std::string_view text) {
  const auto identity = Identity::parse(text);
  EXPECT_FALSE(identity) << text;
  return identity ? IdentityError{} : identity.error();
}

Identity reread(ByteView binary) {
  Reader in(binary);
  const auto identity = Identity::read(in);
  EXPECT_TRUE(identity);
  return identity.value_or(Identity());
}

TEST(IdentityGeneration, finds_a_key_pair_that_names_a_valid_address) {
  FixedRandom random(1);
  const Identity made = Identity::generate(random);
  EXPECT_TRUE(made);
  EXPECT_TRUE(made.has_secret());
  EXPECT_TRUE(made.is_valid());
  EXPECT_FALSE(made.address().is_reserved());

  const auto reread = Identity::parse(made.secret_text());
  ASSERT_TRUE(reread);
  EXPECT_EQ(*reread, made);
  EXPECT_TRUE(reread->is_valid());
}

TEST(IdentityGeneration, private_keys_fit_the_public_ones) {
  FixedRandom random(2);
  const Identity made = Identity::generate(random);
  const Identity peer = b();
  const auto ours = made.agree(peer);
  const auto theirs = peer.agree(made);
  ASSERT_TRUE(ours && theirs);
  EXPECT_EQ(to_hex(ours->bytes()), to_hex(theirs->bytes()));
  EXPECT_TRUE(made.verify(as_bytes("hello"), made.sign(as_bytes("hello"))));
}

TEST(IdentityGeneration, follows_the_randomness_it_is_given) {
  FixedRandom random(3);
  FixedRandom again(3);
  FixedRandom other(4);
  const Identity first = Identity::generate(random);
  EXPECT_EQ(first.secret_text(), Identity::generate(again).secret_text());
  EXPECT_FALSE(first == Identity::generate(other));
  EXPECT_FALSE(first == Identity::generate(random)) << "the same source goes on, not back";
}

TEST(IdentityValidity, fails_for_any_other_address) {
  std::string text = public_a();
  text[0] = '9';
  const auto renamed = Identity::parse(text);
  ASSERT_TRUE(renamed);
  EXPECT_TRUE(a().is_valid());
  EXPECT_FALSE(renamed->is_valid());
}

TEST(IdentityValidity, fails_for_nobody) {
  EXPECT_FALSE(Identity());
  EXPECT_FALSE(Identity().is_valid());
}

TEST(IdentityText, surrounding_white_space_is_ignored) {
  const auto identity = Identity::parse(" \t\r\n" + std::string(kA) + "\r\n \n");
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->secret_text(), kA);
}

TEST(IdentityText, upper_case_is_read_and_lower_case_written) {
  std::string text = public_a();
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const auto identity = Identity::parse(text);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->text(), public_a());
}

TEST(IdentityText, anything_but_the_exact_form_is_malformed) {
  const std::string good = public_a();
  const std::string key = good.substr(13);
  const std::string broken[] = {
      "",
      " ",
      ":",
      ":::",
      "8e4df28b72",
      "8e4df28b72:0",
      "8e4df28b72:0:",
      good + ":",                       // announces a private key and has none
      good + "::",                      //
      std::string(kA) + ":",            // a fifth field, if an empty one
      std::string(kA) + ":00",          //
      std::string(kA) + "0",            // surplus digit
      std::string(kA, sizeof kA - 2),   // a digit short
      good + "0",                       // surplus digit in the public key
      good + "00",                      //
      good.substr(0, good.size() - 2),  // a byte short
      "e4df28b72:0:" + key,             // nine digits
      "08e4df28b72:0:" + key,           // eleven
      "8e4df28b7g:0:" + key,            // no digit
      "8e4df28b72:0:g" + key.substr(1),
      "8e4df28b72 :0:" + key,  // white space inside
      "8e4df28b72:0: " + key,  //
      "8e4df28b72:0:" + key.substr(0, 64) + "\n" + key.substr(64),
      good + std::string(1, '\0'),  // NUL is not white space
  };
  for (const std::string& text : broken) EXPECT_EQ(error_of(text), IdentityError::Malformed);
}

TEST(IdentityText, types_other_than_zero_are_unknown) {
  const std::string key = public_a().substr(13);
  for (const char* type : {"1", "00", "2", "", ":0", "a"}) {
    EXPECT_EQ(error_of("8e4df28b72:" + std::string(type) + ":" + key), IdentityError::UnknownType);
  }
}

TEST(IdentityText, reserved_addresses_name_nobody) {
  const std::string key = public_a().substr(13);
  for (const char* address : {"0000000000", "ff00000000", "ffffffffff", "FF4df28b72"}) {
    EXPECT_EQ(error_of(std::string(address) + ":0:" + key), IdentityError::ReservedAddress);
  }
}

TEST(IdentityBinary, begins_with_the_address_and_ends_with_no_private_key) {
  Bytes binary;
  Writer out(binary);
  a().write(out);
  EXPECT_EQ(to_hex(binary), "8e4df28b7200" + public_a().substr(13) + "00");
  EXPECT_EQ(reread(binary), a());
}

TEST(IdentityBinary, every_shorter_form_fails) {
  Bytes binary;
  Writer out(binary);
  a().write(out);
  for (std::size_t size = 0; size < binary.size(); ++size) {
    Reader in(ByteView(binary).first(size));
    EXPECT_FALSE(Identity::read(in)) << size;
    EXPECT_TRUE(in.failed()) << size;
  }
}

TEST(IdentityBinary, private_part_has_none_or_64_bytes) {
  Bytes binary;
  Writer out(binary);
  a().write(out);
  binary.resize(Identity::kWireSize + 255);
  for (unsigned size = 0; size < 256; ++size) {
    binary[Identity::kWireSize - 1] = static_cast<std::uint8_t>(size);
    Reader in(binary);
    EXPECT_EQ(Identity::read(in).has_value(), size == 0 || size == 64) << size;
  }
}

TEST(IdentityBinary, what_follows_is_left_for_the_next_reader) {
  Bytes binary;
  Writer out(binary);
  a().write(out);
  b().write(out);
  Reader in(binary);
  EXPECT_EQ(Identity::read(in), a());
  EXPECT_EQ(Identity::read(in), b());
  EXPECT_TRUE(in.at_end());
}

TEST(IdentityEquality, private_keys_make_no_difference) {
  EXPECT_EQ(a(), *Identity::parse(public_a()));
  EXPECT_FALSE(a() == b());
}

TEST(IdentityAgreement, both_sides_find_the_key_of_the_notes) {
  const auto key = a().agree(b());
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->bytes()),
            "cab36fd1a0e14894e40dc2c128e297c4d533f409e63c0ffce8518b1bc1c2f1df"
            "a0220112d8fec5fa2c6608ee0157d1f8");
  EXPECT_EQ(to_hex(b().agree(a())->bytes()), to_hex(key->bytes()));
}

TEST(IdentityAgreement, a_point_of_small_order_gives_no_key) {
  // Anybody can compute the result of such an agreement (vl1-crypto 4).
  for (const char* point : {"00", "01"}) {
    const std::string key = point + std::string(126, '0');
    const auto degenerate = Identity::parse("0123456789:0:" + key);
    ASSERT_TRUE(degenerate);
    EXPECT_FALSE(a().agree(*degenerate)) << key;
  }
}

TEST(IdentitySignature, is_the_one_of_the_notes) {
  EXPECT_EQ(to_hex(a().sign(as_bytes("hello"))),
            "5cc06833aa2bc5d6db0bda30d881ba7bbbfc1b56b92e5ec8dd21502fa70de321"
            "1072baf6d1eb328509bf5d3146b19fe0c4ca90a19b7e962a128f7fc28c73040b"
            "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca7");
}

TEST(IdentitySignature, any_changed_bit_spoils_it) {
  const Signature good = a().sign(as_bytes("hello"));
  EXPECT_TRUE(a().verify(as_bytes("hello"), good));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Signature bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(a().verify(as_bytes("hello"), bad)) << bit;
  }
}

TEST(IdentitySignature, other_messages_signers_and_sizes_fail) {
  const Signature good = a().sign(as_bytes("hello"));
  EXPECT_FALSE(a().verify(as_bytes("hellp"), good));
  EXPECT_FALSE(a().verify({}, good));
  EXPECT_FALSE(b().verify(as_bytes("hello"), good));
  EXPECT_FALSE(a().verify(as_bytes("hello"), {}));
  EXPECT_FALSE(a().verify(as_bytes("hello"), ByteView(good).first(95)));
  Bytes longer = to_bytes(good);
  longer.push_back(0);
  EXPECT_FALSE(a().verify(as_bytes("hello"), longer));
}

TEST(IdentitySecrets, stay_out_of_public_forms) {
  const std::string secret = std::string(kA).substr(std::string(kA).rfind(':') + 1);
  EXPECT_THAT(a().text(), Not(HasSubstr(secret.substr(0, 64))));
  EXPECT_THAT(a().text(), Not(HasSubstr(secret.substr(64))));
  Bytes binary;
  Writer out(binary);
  a().write(out);
  EXPECT_EQ(binary.size(), Identity::kWireSize);
  EXPECT_THAT(to_hex(binary), Not(HasSubstr(secret.substr(0, 64))));
}

}  // namespace
}  // namespace ztshim
