// What one member's credentials can cost is bounded, and an overflow takes the oldest. Notes:
// vl2 5.
#include "service/vl2/credential_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/identities.h"

namespace ztshim::vl2 {
namespace {

using ::testing::SizeIs;

constexpr std::uint64_t kTime = 1'700'000'000'000;

class Store : public ::testing::Test {
 protected:
  Store() {
    ours_.network = network_;
    ours_.timestamp = kTime;
    ours_.credential_max_delta = 1'800'000;
  }
  template <typename T>
  Acceptance accept(T credential) {
    credential.network = network_;
    if constexpr (std::is_same_v<T, Capability>) {
      credential.sign(controller_, bob_.address());
    } else {
      credential.sign(controller_);
    }
    return store_.accept(credential, controller_.address(),
                         [this](Address) { return &controller_; });
  }
  Tag tag(std::uint32_t id, std::uint64_t time) const {
    Tag made;
    made.id = id;
    made.timestamp = time;
    made.issued_to = bob_.address();
    return made;
  }
  Revocation revocation(CredentialType type, std::uint32_t id, std::uint64_t threshold) const {
    Revocation made;
    made.type = type;
    made.credential_id = id;
    made.threshold = threshold;
    made.target = bob_.address();
    return made;
  }

  const Identity controller_ = sim::identity(0);
  const Identity bob_ = sim::identity(2);
  const NetworkId network_{sim::identity(0).address().number() << 24 | 0x77};
  NetworkConfig ours_;
  CredentialStore store_;
};

TEST_F(Store, holds_as_many_tags_and_capabilities_as_a_configuration_may_have) {
  for (std::uint32_t i = 0; i < NetworkConfig::kMaxTags + 5; ++i) {
    EXPECT_EQ(accept(tag(i, kTime + i)), Acceptance::New);
    Capability capability;
    capability.id = i;
    capability.timestamp = kTime + i;
    EXPECT_EQ(accept(capability), Acceptance::New);
  }
  EXPECT_THAT(store_.capabilities(), SizeIs(NetworkConfig::kMaxCapabilities));
  EXPECT_EQ(store_.tag(4, ours_), nullptr) << "the oldest went";
  EXPECT_NE(store_.tag(5, ours_), nullptr);
}

TEST_F(Store, holds_a_few_ownerships) {
  for (std::uint32_t i = 0; i < 20; ++i) {
    Ownership ownership;
    ownership.id = i;
    ownership.timestamp = kTime + i;
    ownership.issued_to = bob_.address();
    ownership.things = {Ownership::Thing::of(IpAddress::v4(i))};
    EXPECT_EQ(accept(ownership), Acceptance::New);
  }
  std::size_t owned = 0;
  for (std::uint32_t i = 0; i < 20; ++i) owned += store_.owns(IpAddress::v4(i), ours_) ? 1U : 0U;
  EXPECT_EQ(owned, 16U);
}

TEST_F(Store, remembers_a_bounded_number_of_thresholds_and_the_latest_of_them) {
  constexpr std::uint32_t kRevoked = 600;
  for (std::uint32_t i = 0; i < kRevoked; ++i) {
    EXPECT_EQ(accept(revocation(CredentialType::Tag, i, kTime + i)), Acceptance::New);
  }
  std::size_t refused = 0;
  for (std::uint32_t i = 0; i < kRevoked; ++i) {
    refused += accept(tag(i, kTime)) == Acceptance::Rejected ? 1U : 0U;
  }
  EXPECT_EQ(refused, 512U);
  EXPECT_EQ(accept(tag(kRevoked - 1, kTime + kRevoked - 1)), Acceptance::Rejected);
  EXPECT_EQ(accept(tag(kRevoked - 1, kTime + kRevoked)), Acceptance::New);
}

TEST_F(Store, tells_what_is_not_the_controllers_from_what_is_merely_late) {
  EXPECT_EQ(accept(tag(1, kTime)), Acceptance::New);
  EXPECT_EQ(accept(tag(1, kTime)), Acceptance::Redundant);
  EXPECT_EQ(accept(tag(1, kTime - 1)), Acceptance::Rejected);
  Tag forged = tag(2, kTime);
  forged.network = network_;
  forged.sign(bob_);
  const auto who = [this](Address) { return &controller_; };
  EXPECT_EQ(store_.accept(forged, controller_.address(), who), Acceptance::Forged);
  forged.sign(controller_);
  forged.value ^= 1;
  EXPECT_EQ(store_.accept(forged, controller_.address(), who), Acceptance::Forged);
  EXPECT_EQ(store_.accept(forged, controller_.address(), [](Address) { return nullptr; }),
            Acceptance::SignerUnknown);
}

}  // namespace
}  // namespace ztshim::vl2
