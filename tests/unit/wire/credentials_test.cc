#include "service/wire/credentials.h"

#include <gtest/gtest.h>

#include "tests/unit/wire/fixtures.h"

namespace ztshim {
namespace {

const NetworkId kNetwork(identity_a().address().number() << 24 | 7);

template <typename T>
Result<T, ParseError> parsed(ByteView bytes) {
  Reader in(bytes);
  return T::read(in);
}

// Read back equal, verified by its signer alone, and not with any of the `covered` bytes changed.
template <typename T>
void expect_contract(const T& credential, std::size_t covered) {
  const Bytes bytes = written(credential);
  const auto read = parsed<T>(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, credential);
  EXPECT_TRUE(read->verify(identity_a()));
  EXPECT_FALSE(read->verify(identity_b()));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_EQ(parsed<T>(ByteView(bytes).first(i)).error(), ParseError::Truncated);
    Bytes damaged = bytes;
    damaged[i] ^= 0x01;
    const auto other = parsed<T>(damaged);
    if (i < covered) {
      EXPECT_FALSE(other && other->verify(identity_a())) << "byte " << i;
    }
  }
}

Membership membership_of(const Identity& member, std::uint64_t timestamp = 1000) {
  return Membership::make(timestamp, 500, kNetwork, member);
}

TEST(MembershipCredential, keeps_its_contract) {
  Membership membership = membership_of(identity_b());
  EXPECT_FALSE(membership.is_signed());
  EXPECT_FALSE(membership.verify(identity_a()));
  membership.sign(identity_a());
  EXPECT_EQ(written(membership).size(), 272U);
  EXPECT_EQ(membership.issued_to(), identity_b().address());
  EXPECT_EQ(membership.network(), kNetwork);
  expect_contract(membership, 272 - 32);
}

TEST(MembershipCredential, agrees_within_our_own_deltas) {
  const Membership mine = membership_of(identity_a(), 1000);
  EXPECT_TRUE(mine.agrees_with(membership_of(identity_b(), 1500), identity_b()));
  EXPECT_TRUE(mine.agrees_with(membership_of(identity_b(), 500), identity_b()));
  EXPECT_FALSE(mine.agrees_with(membership_of(identity_b(), 1501), identity_b()));
  EXPECT_FALSE(mine.agrees_with(membership_of(identity_b()), identity_a()));
  EXPECT_FALSE(mine.agrees_with(Membership(), identity_b()));
}

TEST(MembershipCredential, keeps_its_qualifiers_in_order_and_at_most_eight) {
  Membership membership;
  for (const std::uint64_t id : {5ULL, 1ULL, 3ULL, 0ULL, 9ULL, 7ULL, 8ULL, 2ULL}) {
    EXPECT_TRUE(membership.set({id, id, 0}));
  }
  EXPECT_FALSE(membership.set({100, 0, 0}));
  EXPECT_TRUE(membership.set({9, 90, 0})) << "replaces";
  EXPECT_EQ(membership.value_of(9), 90U);
  EXPECT_EQ(parsed<Membership>(written(membership)), membership);
}

TEST(MembershipCredential, says_what_is_wrong_with_it) {
  EXPECT_EQ(parsed<Membership>(bytes_of("02 0000 0000000000")).error(), ParseError::BadValue);
  EXPECT_EQ(parsed<Membership>(bytes_of("01 0009")).error(), ParseError::TooMany);
  EXPECT_EQ(parsed<Membership>(bytes_of("01 0001 00")).error(), ParseError::Truncated);
}

TEST(TagCredential, keeps_its_contract) {
  Tag tag;
  tag.network = kNetwork;
  tag.timestamp = 1000;
  tag.id = 1;
  tag.value = 2;
  tag.issued_to = identity_b().address();
  tag.sign(identity_a());
  EXPECT_EQ(written(tag).size(), 135U);
  EXPECT_EQ(tag.signed_bytes().size(), 52U);
  expect_contract(tag, 135 - 2 - 32);
}

TEST(TagCredential, steps_over_fields_of_newer_versions) {
  Bytes bytes = written(Tag{});
  bytes.back() = 3;
  append(bytes, bytes_of("010203 ff"));
  Reader in(bytes);
  EXPECT_TRUE(Tag::read(in));
  EXPECT_EQ(in.remaining(), 1U);
}

TEST(OwnershipCredential, keeps_its_contract) {
  Ownership ownership;
  ownership.network = kNetwork;
  ownership.id = 1;
  ownership.things = {Ownership::Thing::of(*IpAddress::parse("10.1.2.3")),
                      Ownership::Thing::of(*IpAddress::parse("fd00::5")),
                      Ownership::Thing::of(MacAddress(0x021122334455))};
  ownership.issued_to = identity_b().address();
  ownership.sign(identity_a());
  EXPECT_TRUE(ownership.owns(*IpAddress::parse("10.1.2.3")));
  EXPECT_TRUE(ownership.owns(MacAddress(0x021122334455)));
  EXPECT_FALSE(ownership.owns(*IpAddress::parse("fd00::6")));
  EXPECT_FALSE(ownership.owns(IpAddress()));
  expect_contract(ownership, written(ownership).size() - 2 - 32);
  ownership.things.resize(17);
  EXPECT_EQ(parsed<Ownership>(written(ownership)).error(), ParseError::TooMany);
}

TEST(RevocationCredential, keeps_its_contract) {
  Revocation revocation;
  revocation.id = 7;
  revocation.network = kNetwork;
  revocation.threshold = 1000;
  revocation.flags = Revocation::kFastPropagate;
  revocation.target = identity_b().address();
  revocation.type = CredentialType::Membership;
  revocation.sign(identity_a());
  EXPECT_EQ(written(revocation).size(), 152U);
  EXPECT_EQ(revocation.signed_bytes().size(), 69U);
  // The two reserved numbers are read over, so damage in them is not seen.
  EXPECT_EQ(parsed<Revocation>(written(revocation)), revocation);
  EXPECT_TRUE(revocation.verify(identity_a()));
  EXPECT_FALSE(revocation.verify(identity_b()));
  revocation.threshold += 1;
  EXPECT_FALSE(revocation.verify(identity_a()));
}

Capability capability() {
  Capability capability;
  capability.network = kNetwork;
  capability.id = 3;
  capability.rules = {Rule{RuleType::ActionAccept, false, false, {}}};
  return capability;
}

TEST(CapabilityCredential, is_verified_with_its_only_link) {
  Capability issued = capability();
  EXPECT_FALSE(issued.is_chain_well_formed());
  EXPECT_FALSE(issued.issued_to());
  ASSERT_TRUE(issued.sign(identity_a(), identity_b().address()));
  EXPECT_FALSE(issued.sign(identity_b(), identity_a().address())) << "not transferable";
  EXPECT_TRUE(issued.verify(identity_a()));
  EXPECT_FALSE(issued.verify(identity_b()));
  EXPECT_EQ(issued.issued_to(), identity_b().address());
  EXPECT_EQ(parsed<Capability>(written(issued)), issued);
  issued.rules.front().type = RuleType::ActionDrop;
  EXPECT_FALSE(issued.verify(identity_a()));
}

TEST(CapabilityCredential, passes_from_holder_to_holder) {
  Capability passed = capability();
  passed.max_custody_chain_length = 2;
  ASSERT_TRUE(passed.sign(identity_a(), identity_b().address()));
  ASSERT_TRUE(passed.sign(identity_b(), Address(0x1234567890)));
  EXPECT_TRUE(passed.is_chain_well_formed());
  EXPECT_TRUE(passed.verify_link(0, identity_a()));
  EXPECT_TRUE(passed.verify_link(1, identity_b()));
  EXPECT_FALSE(passed.verify_link(1, identity_a()));
  EXPECT_FALSE(passed.verify_link(2, identity_b()));
  passed.custody[1].from = Address(0x1111111111);
  EXPECT_FALSE(passed.is_chain_well_formed());
}

TEST(CapabilityCredential, says_what_is_wrong_with_it) {
  Capability wrong = capability();
  wrong.rules.resize(65);
  EXPECT_EQ(parsed<Capability>(written(wrong)).error(), ParseError::TooMany);
  wrong = capability();
  wrong.custody.resize(8, Capability::Link{Address(1), Address(2), {}});
  EXPECT_EQ(parsed<Capability>(written(wrong)).error(), ParseError::TooMany);
  wrong = capability();
  wrong.max_custody_chain_length = 0;
  EXPECT_EQ(parsed<Capability>(written(wrong)).error(), ParseError::BadValue);
  const Bytes good = written(capability());
  EXPECT_EQ(parsed<Capability>(ByteView(good).first(good.size() - 1)).error(),
            ParseError::Truncated);
}

}  // namespace
}  // namespace ztshim
