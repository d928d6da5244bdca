#include "service/wire/world.h"

#include <gtest/gtest.h>

#include "tests/unit/wire/fixtures.h"

namespace ztshim {
namespace {

World moon() {
  WorldRoot root{identity_b(),
                 {*Endpoint::parse("192.0.2.7/9993"), *Endpoint::parse("2001:db8::1/9993")}};
  return World::make(WorldType::Moon, 0x0000000102030405, 1700000000000, {root}, identity_a());
}

TEST(World, is_made_byte_for_byte_like_the_moon_of_the_notes) {
  EXPECT_EQ(
      to_hex(moon().bytes()),
      to_hex(bytes_of(
          "7f 0000000102030405 0000018bcfe56800"
          "ac3d46abe0c21f3cfe7a6c8d6a85cfcffcb82fbd55af6a4d6350657c68200843"
          "fa2e16f9418bbd9702cae365f2af5fb4c420908b803a681d4daef6114d78a2d7"
          "69329e0fcda5f54cf5642ed0d256d5bb197ced3c278e4396f9526cd74e9d176c"
          "7b96e68cf2af08583a60bfb69405269a5d9ee14f51a04e2bf4de2ad9cf0fda00"
          "d00d60ccc8f4c156534c09d8c485aee1b9ef0557f898cc860f26245438e17732 01"
          "5861f6d21f008e1d4bfac4f125527e3be5a619a40e06c7e8f49587229f3e66816bca4e62d53778ea836de95c"
          "5686721463b0b824ce95462e58cc154cec7882794bce80f7cc0300 02"
          "04c00002072709 0620010db80000000000000000000000012709 0000")));
}

TEST(World, is_replaced_by_a_newer_revision_with_the_right_signature_only) {
  const World current = moon();
  World next = current;
  next.timestamp += 1;
  EXPECT_FALSE(should_replace(current, next)) << "still signed for the old timestamp";
  next.sign(identity_b());
  EXPECT_FALSE(should_replace(current, next)) << "not the key that the current one names";
  next.sign(identity_a());
  EXPECT_TRUE(should_replace(current, next));
  EXPECT_FALSE(should_replace(next, next)) << "not newer";
  EXPECT_TRUE(should_replace(World{}, next));
}

TEST(World, hands_the_right_to_sign_to_the_key_it_names) {
  const World first = moon();
  World second = first;
  second.timestamp += 1;
  const Identity next = identity_b();
  std::copy(next.public_key().begin(), next.public_key().end(), second.next_signer.begin());
  second.sign(identity_a());
  World third = second;
  third.timestamp += 1;
  third.sign(identity_b());
  EXPECT_TRUE(should_replace(first, second));
  EXPECT_TRUE(should_replace(second, third));
  EXPECT_FALSE(should_replace(first, third));
}

TEST(World, worlds_in_a_row_are_read_up_to_the_damage) {
  Bytes bytes = moon().bytes();
  append(bytes, moon().bytes());
  EXPECT_EQ(World::parse_all(bytes).size(), 2U);
  bytes.pop_back();
  EXPECT_EQ(World::parse_all(bytes).size(), 1U);
  EXPECT_TRUE(World::parse_all({}).empty());
}

TEST(World, says_what_is_wrong_with_it) {
  Bytes bytes = moon().bytes();
  EXPECT_EQ(World::parse(ByteView(bytes).first(100)).error(), ParseError::Truncated);
  bytes[0] = 2;
  EXPECT_EQ(World::parse(bytes).error(), ParseError::BadValue);
  bytes[0] = 127;
  constexpr std::size_t kRootCount = 1 + 8 + 8 + 64 + 96;
  bytes[kRootCount] = 5;
  EXPECT_EQ(World::parse(bytes).error(), ParseError::TooMany);
  bytes[kRootCount] = 1;
  bytes[kRootCount + 1 + 71] = 33;
  EXPECT_EQ(World::parse(bytes).error(), ParseError::TooMany);
}

TEST(World, knows_its_roots) {
  EXPECT_TRUE(moon().has_root(identity_b().address()));
  EXPECT_FALSE(moon().has_root(identity_a().address()));
}

TEST(WorldSigner, needs_both_halves_of_a_key_pair) {
  EXPECT_TRUE(world_signer(Bytes(64), Bytes(64)));
  EXPECT_FALSE(world_signer(Bytes(32), Bytes(64)));
  EXPECT_FALSE(world_signer(Bytes(64), Bytes(32)));
}

}  // namespace
}  // namespace ztshim
