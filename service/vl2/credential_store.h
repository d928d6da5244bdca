// What we hold of one member of one network: its membership certificate, tags, capabilities and
// ownerships, and what has been revoked. Only what the network's controller signed gets in. Whether
// a credential still counts is asked when it is used, against the time of our own configuration; no
// clock is involved. Notes: vl2 5.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "service/crypto/identity.h"
#include "service/wire/credentials.h"
#include "service/wire/network_config_dictionary.h"

namespace ztshim::vl2 {

enum class Acceptance : std::uint8_t {
  New,            // stored, or a threshold raised
  Redundant,      // known already
  Rejected,       // superseded or revoked
  Forged,         // not the controller's, or not as it signed it
  SignerUnknown,  // ask for the signer's identity and try again
};

// The identity of a node, or nullptr.
using IdentityLookup = std::function<const Identity*(Address)>;

class CredentialStore {
 public:
  // The network is the caller's business: these are all of one network, of one member.
  Acceptance accept(const Membership& membership, Address controller, const IdentityLookup& who);
  Acceptance accept(const Tag& tag, Address controller, const IdentityLookup& who);
  Acceptance accept(const Capability& capability, Address controller, const IdentityLookup& who);
  Acceptance accept(const Ownership& ownership, Address controller, const IdentityLookup& who);
  // Any revocation takes the membership with it, up to the same time (vl2 5.6).
  Acceptance accept(const Revocation& revocation, Address controller, const IdentityLookup& who);

  // Does our configuration's certificate accept this member's, which is not revoked? On public
  // networks, too, the answer is about certificates.
  bool is_member(const NetworkConfig& ours, const Identity& identity) const;
  const std::optional<Membership>& membership() const { return membership_; }

  // Those in force by `ours`; nullptr, false otherwise.
  const Tag* tag(std::uint32_t id, const NetworkConfig& ours) const;
  bool is_in_force(const Capability& capability, const NetworkConfig& ours) const;
  bool owns(const IpAddress& ip, const NetworkConfig& ours) const;
  bool owns(MacAddress mac, const NetworkConfig& ours) const;
  const std::vector<Capability>& capabilities() const { return capabilities_; }

  // Revoked, and no newer membership was shown.
  bool is_revoked() const {
    return membership_threshold_ != 0 &&
           (!membership_ || membership_->timestamp() <= membership_threshold_);
  }
  bool has_revocations() const { return membership_threshold_ != 0; }
  // Changes whenever something was stored or revoked.
  std::uint32_t generation() const { return generation_; }

 private:
  using RevocationKey = std::pair<CredentialType, std::uint32_t>;

  std::uint64_t threshold(CredentialType type, std::uint32_t id) const;
  bool is_fresh(CredentialType type, std::uint32_t id, std::uint64_t timestamp,
                const NetworkConfig& ours) const;
  template <typename T>
  std::optional<Acceptance> superseded(const std::vector<T>& held, const T& credential,
                                       CredentialType type) const;
  template <typename T>
  void store(std::vector<T>& held, const T& credential, std::size_t limit);

  std::optional<Membership> membership_;
  std::uint64_t membership_threshold_ = 0;
  std::map<RevocationKey, std::uint64_t> thresholds_;
  // A handful each: searched one by one.
  std::vector<Tag> tags_;
  std::vector<Capability> capabilities_;
  std::vector<Ownership> ownerships_;
  std::uint32_t generation_ = 0;
};

}  // namespace ztshim::vl2
