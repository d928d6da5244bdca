// credentials.json, "acceptance_sequences": credentials of one peer one after the other, and what
// they are worth after each.
#include "service/vl2/credential_store.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

using vl2::Acceptance;

const Json& root() { return file("credentials.json"); }

template <typename T>
T parsed(const Json& hex) {
  const Bytes bytes = hex_bytes(hex);
  Reader in(bytes);
  return T::read(in).value();
}

std::string text_of(Acceptance acceptance) {
  switch (acceptance) {
    case Acceptance::New:
      return "accepted_new";
    case Acceptance::Redundant:
      return "accepted_redundant";
    case Acceptance::Rejected:
    case Acceptance::Forged:
      return "rejected";
    case Acceptance::SignerUnknown:
      return "signer unknown";
  }
  return "";
}

class AcceptanceSequence : public CaseTest {
 protected:
  void SetUp() override {
    CaseTest::SetUp();
    if (HasFatalFailure()) return;
    for (const Json& entry : root().at("known_identities")) known_.push_back(identity(entry));
    ours_.network = NetworkId::parse(root().at("network_id").get<std::string>()).value();
    ours_.timestamp = 1'700'000'000'000;
    ours_.credential_max_delta = 7'200'000;
    const Identity own = identity(root().at("verifier"));
    ours_.membership =
        Membership::make(ours_.timestamp, ours_.credential_max_delta, ours_.network, own);
  }
  const Identity* find(Address address) const {
    for (const Identity& candidate : known_) {
      if (candidate.address() == address) return &candidate;
    }
    return nullptr;
  }
  template <typename T>
  Acceptance accept(const Json& hex) {
    return store_.accept(parsed<T>(hex), ours_.network.controller(),
                         [this](Address address) { return find(address); });
  }
  Acceptance accept_step(const Json& step) {
    if (step.contains("com")) return accept<Membership>(step.at("com"));
    if (step.contains("tag")) return accept<Tag>(step.at("tag"));
    if (step.contains("capability")) return accept<Capability>(step.at("capability"));
    if (step.contains("revocation")) return accept<Revocation>(step.at("revocation"));
    return accept<Ownership>(step.at("certificate_of_ownership"));
  }

  std::vector<Identity> known_;
  NetworkConfig ours_;
  vl2::CredentialStore store_;
};
INSTANTIATE_TEST_SUITE_P(, AcceptanceSequence,
                         ::testing::ValuesIn(cases("credentials.json", "acceptance_sequences")),
                         [](const auto& c) { return c.param.name; });

TEST_P(AcceptanceSequence, gives_the_recorded_results_and_effects) {
  const Address bob(0x218959bafc);
  for (const Json& step : data().at("steps")) {
    SCOPED_TRACE(step.at("step").get<std::string>());
    EXPECT_EQ(text_of(accept_step(step)), step.at("result"));
    if (step.contains("bob_allowed")) {
      EXPECT_EQ(store_.is_member(ours_, *find(bob)), step.at("bob_allowed").get<bool>());
    }
    if (step.contains("tag_1_value")) {
      const Tag* tag = store_.tag(1, ours_);
      EXPECT_EQ(tag == nullptr ? Json() : Json(tag->value), step.at("tag_1_value"));
    }
    if (step.contains("owns_10.1.2.3")) {
      EXPECT_EQ(store_.owns(IpAddress::v4(0x0a010203), ours_),
                step.at("owns_10.1.2.3").get<bool>());
    }
    if (step.contains("capabilities_in_force")) {
      std::size_t in_force = 0;
      for (const Capability& c : store_.capabilities()) {
        in_force += store_.is_in_force(c, ours_) ? 1U : 0U;
      }
      EXPECT_EQ(in_force, step.at("capabilities_in_force").get<std::size_t>());
    }
  }
}

// All credentials of the file, each handed to a store that knows the listed identities.
template <typename T>
void expect_verdict(const Json& data) {
  std::vector<Identity> known;
  for (const Json& entry : root().at("known_identities")) known.push_back(identity(entry));
  const auto find = [&](Address address) -> const Identity* {
    for (const Identity& candidate : known) {
      if (candidate.address() == address) return &candidate;
    }
    return nullptr;
  };
  const T credential = parsed<T>(data.at("serialized"));
  NetworkId network;
  if constexpr (std::is_same_v<T, Membership>) {
    network = credential.network();
  } else {
    network = credential.network;
  }
  vl2::CredentialStore store;
  const Acceptance result = store.accept(credential, network.controller(), find);
  const std::string verify = data.at("verify");
  const Acceptance expected = verify == "valid"     ? Acceptance::New
                              : verify == "invalid" ? Acceptance::Rejected
                                                    : Acceptance::SignerUnknown;
  EXPECT_EQ(text_of(result), text_of(expected)) << verify;
}

VECTOR_SUITE(MembershipVerdict, "credentials.json", "com");
TEST_P(MembershipVerdict, is_that_of_the_reference) { expect_verdict<Membership>(data()); }
VECTOR_SUITE(TagVerdict, "credentials.json", "tag");
TEST_P(TagVerdict, is_that_of_the_reference) { expect_verdict<Tag>(data()); }
VECTOR_SUITE(CapabilityVerdict, "credentials.json", "capability");
TEST_P(CapabilityVerdict, is_that_of_the_reference) { expect_verdict<Capability>(data()); }
VECTOR_SUITE(OwnershipVerdict, "credentials.json", "certificate_of_ownership");
TEST_P(OwnershipVerdict, is_that_of_the_reference) { expect_verdict<Ownership>(data()); }
VECTOR_SUITE(RevocationVerdict, "credentials.json", "revocation");
TEST_P(RevocationVerdict, is_that_of_the_reference) { expect_verdict<Revocation>(data()); }

}  // namespace
}  // namespace ztshim::vectors
