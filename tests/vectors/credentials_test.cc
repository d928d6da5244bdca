// credentials.json: layouts, signatures and agreement. Which credential replaces which
// ("acceptance_sequences") is VL2's.
#include "service/wire/credentials.h"

#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

const Json& root() { return file("credentials.json"); }

// The identity that the verifying node has of this address, if it has one.
std::optional<Identity> known(Address address) {
  for (const Json& entry : root().at("known_identities")) {
    const Identity candidate = identity(entry);
    if (candidate.address() == address) return candidate;
  }
  return std::nullopt;
}

const std::string kValid = "valid";
const std::string kInvalid = "invalid";
const std::string kUnknown = "unknown signer (WHOIS needed)";

// The verdict of a node: signed by the network's controller, whose identity it knows?
template <typename T>
std::string verdict(const T& credential, NetworkId network, Address signer) {
  if (signer != network.controller()) return kInvalid;
  const auto controller = known(signer);
  if (!controller) return kUnknown;
  return credential.verify(*controller) ? kValid : kInvalid;
}

template <typename T>
T parsed(ByteView bytes) {
  Reader in(bytes);
  auto read = T::read(in);
  if (!read || !in.at_end()) throw std::runtime_error("cannot be read");
  return *read;
}

// Signing again must give the recorded signature, where it was made by the controller.
template <typename T>
void expect_same_when_signed_again(T credential, const std::string& verify) {
  if (verify != kValid) return;
  const T recorded = credential;
  credential.sign(identity(root().at("controller_secret")));
  EXPECT_EQ(to_hex(written(credential)), to_hex(written(recorded)));
}

TEST(CredentialTypes, have_the_recorded_numbers) {
  const Json expected{{"null", CredentialType::None},
                      {"com", CredentialType::Membership},
                      {"capability", CredentialType::Capability},
                      {"tag", CredentialType::Tag},
                      {"certificate_of_ownership", CredentialType::Ownership},
                      {"revocation", CredentialType::Revocation}};
  EXPECT_EQ(root().at("credential_type_values"), expected);
}

VECTOR_SUITE(Memberships, "credentials.json", "com");

TEST_P(Memberships, parse_write_and_verify_as_recorded) {
  const Json& fields = data().at("decoded");
  const auto com = parsed<Membership>(bytes("serialized"));
  const Json& qualifiers = fields.at("qualifiers");
  ASSERT_EQ(com.qualifiers().size(), qualifiers.size());
  for (std::size_t i = 0; i < qualifiers.size(); ++i) {
    EXPECT_EQ(com.qualifiers()[i].id, qualifiers[i].at("id").get<std::uint64_t>());
    EXPECT_EQ(to_hex(com.qualifiers()[i].value, 16), qualifiers[i].at("value"));
    EXPECT_EQ(to_hex(com.qualifiers()[i].max_delta, 16), qualifiers[i].at("max_delta"));
  }
  EXPECT_EQ(com.signed_by().text(), fields.at("signed_by"));
  ASSERT_EQ(com.is_signed(), !fields.at("signature").is_null());
  if (com.is_signed()) {
    EXPECT_EQ(to_hex(com.signature()), fields.at("signature"));
  }
  EXPECT_EQ(com.timestamp(), fields.at("timestamp").get<std::uint64_t>());
  EXPECT_EQ(com.network().text(), fields.at("network_id"));
  EXPECT_EQ(com.issued_to().text(), fields.at("issued_to"));
  EXPECT_EQ(to_hex(com.signed_bytes()), text("signed_bytes"));
  EXPECT_EQ(to_hex(written(com)), text("serialized"));
  EXPECT_EQ(verdict(com, com.network(), com.signed_by()), text("verify"));
  expect_same_when_signed_again(com, text("verify"));
}

VECTOR_SUITE(MembershipDeserialize, "credentials.json", "com_deserialize");

TEST_P(MembershipDeserialize, reads_or_refuses_as_recorded) {
  const Bytes serialized = bytes("serialized");
  Reader in(serialized);
  const auto read = Membership::read(in);
  ASSERT_EQ(read.has_value(), flag("ok"));
  if (read) {
    EXPECT_EQ(serialized.size() - in.remaining(), number("consumed"));
  }
}

VECTOR_SUITE(MembershipAgreement, "credentials.json", "com_agreement");

TEST_P(MembershipAgreement, is_what_the_reference_finds) {
  const auto mine = parsed<Membership>(bytes("mine"));
  const auto theirs = parsed<Membership>(bytes("theirs"));
  EXPECT_EQ(mine.agrees_with(theirs, identity(data().at("their_identity"))), flag("agrees"));
}

VECTOR_SUITE(Tags, "credentials.json", "tag");

TEST_P(Tags, parse_write_and_verify_as_recorded) {
  const Json& fields = data().at("decoded");
  const auto tag = parsed<Tag>(bytes("serialized"));
  EXPECT_EQ(tag.network.text(), fields.at("network_id"));
  EXPECT_EQ(tag.timestamp, fields.at("timestamp").get<std::uint64_t>());
  EXPECT_EQ(tag.id, fields.at("id").get<std::uint32_t>());
  EXPECT_EQ(tag.value, fields.at("value").get<std::uint32_t>());
  EXPECT_EQ(tag.issued_to.text(), fields.at("issued_to"));
  EXPECT_EQ(tag.signed_by.text(), fields.at("signed_by"));
  EXPECT_EQ(to_hex(tag.signature), fields.at("signature"));
  EXPECT_EQ(to_hex(tag.signed_bytes()), text("signed_bytes"));
  EXPECT_EQ(to_hex(written(tag)), text("serialized"));
  EXPECT_EQ(verdict(tag, tag.network, tag.signed_by), text("verify"));
  expect_same_when_signed_again(tag, text("verify"));
}

VECTOR_SUITE(Ownerships, "credentials.json", "certificate_of_ownership");

TEST_P(Ownerships, parse_write_and_verify_as_recorded) {
  const Json& fields = data().at("decoded");
  const auto ownership = parsed<Ownership>(bytes("serialized"));
  EXPECT_EQ(ownership.network.text(), fields.at("network_id"));
  EXPECT_EQ(ownership.timestamp, fields.at("timestamp").get<std::uint64_t>());
  EXPECT_EQ(to_hex(ownership.flags, 16), fields.at("flags"));
  EXPECT_EQ(ownership.id, fields.at("id").get<std::uint32_t>());
  const Json& things = fields.at("things");
  ASSERT_EQ(ownership.things.size(), things.size());
  for (std::size_t i = 0; i < things.size(); ++i) {
    EXPECT_EQ(static_cast<int>(ownership.things[i].type), things[i].at("type"));
    EXPECT_EQ(to_hex(ownership.things[i].value), things[i].at("value_16"));
  }
  EXPECT_EQ(ownership.issued_to.text(), fields.at("issued_to"));
  EXPECT_EQ(ownership.signed_by.text(), fields.at("signed_by"));
  EXPECT_EQ(to_hex(ownership.signature), fields.at("signature"));
  EXPECT_EQ(to_hex(ownership.signed_bytes()), text("signed_bytes"));
  EXPECT_EQ(to_hex(written(ownership)), text("serialized"));
  EXPECT_EQ(verdict(ownership, ownership.network, ownership.signed_by), text("verify"));
  expect_same_when_signed_again(ownership, text("verify"));
}

TEST_P(Ownerships, own_what_they_name) {
  const auto ownership = parsed<Ownership>(bytes("serialized"));
  for (const Json& question : data().at("owns")) {
    if (question.contains("ip")) {
      const auto ip = IpAddress::parse(question.at("ip").get<std::string>());
      ASSERT_TRUE(ip);
      EXPECT_EQ(ownership.owns(*ip), question.at("owned").get<bool>()) << question;
    } else {
      const auto mac = MacAddress::parse(question.at("mac").get<std::string>());
      ASSERT_TRUE(mac);
      EXPECT_EQ(ownership.owns(*mac), question.at("owned").get<bool>()) << question;
    }
  }
}

VECTOR_SUITE(Capabilities, "credentials.json", "capability");

// All links, in order: a broken chain is invalid whoever is known.
std::string chain_verdict(const Capability& capability) {
  if (!capability.is_chain_well_formed()) return kInvalid;
  for (std::size_t i = 0; i < capability.custody.size(); ++i) {
    const auto from = known(capability.custody[i].from);
    if (!from) return kUnknown;
    if (!capability.verify_link(i, *from)) return kInvalid;
  }
  return kValid;
}

TEST_P(Capabilities, parse_write_and_verify_as_recorded) {
  const Json& fields = data().at("decoded");
  const auto capability = parsed<Capability>(bytes("serialized"));
  EXPECT_EQ(capability.network.text(), fields.at("network_id"));
  EXPECT_EQ(capability.timestamp, fields.at("timestamp").get<std::uint64_t>());
  EXPECT_EQ(capability.id, fields.at("id").get<std::uint32_t>());
  EXPECT_EQ(capability.rules.size(), fields.at("rule_count").get<std::size_t>());
  Bytes rules;
  Writer out(rules);
  write_rules(out, capability.rules);
  EXPECT_EQ(to_hex(rules), fields.at("rules"));
  EXPECT_EQ(capability.max_custody_chain_length, fields.at("max_custody_chain_length"));
  const Json& custody = fields.at("custody");
  ASSERT_EQ(capability.custody.size(), custody.size());
  for (std::size_t i = 0; i < custody.size(); ++i) {
    EXPECT_EQ(capability.custody[i].to.text(), custody[i].at("to"));
    EXPECT_EQ(capability.custody[i].from.text(), custody[i].at("from"));
    EXPECT_EQ(to_hex(capability.custody[i].signature), custody[i].at("signature"));
  }
  EXPECT_EQ(capability.issued_to().text(), fields.at("issued_to"));
  EXPECT_EQ(to_hex(capability.signed_bytes()), text("signed_bytes"));
  EXPECT_EQ(to_hex(written(capability)), text("serialized"));
  EXPECT_EQ(chain_verdict(capability), text("verify"));
}

TEST_P(Capabilities, get_the_same_first_link_from_the_controller) {
  if (text("verify") != kValid) return;
  auto capability = parsed<Capability>(bytes("serialized"));
  const Capability::Link recorded = capability.custody.front();
  capability.custody.clear();
  ASSERT_TRUE(capability.sign(identity(root().at("controller_secret")), recorded.to));
  EXPECT_EQ(capability.custody.front(), recorded);
}

VECTOR_SUITE(Revocations, "credentials.json", "revocation");

TEST_P(Revocations, parse_write_and_verify_as_recorded) {
  const Json& fields = data().at("decoded");
  const auto revocation = parsed<Revocation>(bytes("serialized"));
  EXPECT_EQ(revocation.id, fields.at("id").get<std::uint32_t>());
  EXPECT_EQ(revocation.network.text(), fields.at("network_id"));
  EXPECT_EQ(revocation.credential_id, fields.at("credential_id").get<std::uint32_t>());
  EXPECT_EQ(revocation.threshold, fields.at("threshold").get<std::uint64_t>());
  EXPECT_EQ(to_hex(revocation.flags, 16), fields.at("flags"));
  EXPECT_EQ(revocation.is_fast(), fields.at("fast_propagate").get<bool>());
  EXPECT_EQ(revocation.target.text(), fields.at("target"));
  EXPECT_EQ(revocation.signed_by.text(), fields.at("signed_by"));
  EXPECT_EQ(static_cast<int>(revocation.type), fields.at("credential_type"));
  EXPECT_EQ(to_hex(revocation.signature), fields.at("signature"));
  EXPECT_EQ(to_hex(revocation.signed_bytes()), text("signed_bytes"));
  EXPECT_EQ(to_hex(written(revocation)), text("serialized"));
  EXPECT_EQ(verdict(revocation, revocation.network, revocation.signed_by), text("verify"));
  expect_same_when_signed_again(revocation, text("verify"));
}

}  // namespace
}  // namespace ztshim::vectors
