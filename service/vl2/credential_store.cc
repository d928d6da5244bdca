#include "service/vl2/credential_store.h"

#include <algorithm>

namespace ztshim::vl2 {

namespace {

// The controller could issue any number of ids; what a configuration may carry is enough to keep.
constexpr std::size_t kMaxThresholds = 512;
constexpr std::size_t kMaxOwnershipsHeld = 16;

template <typename T>
auto find_id(T& held, std::uint32_t id) {
  return std::find_if(held.begin(), held.end(), [id](const auto& c) { return c.id == id; });
}

// Signed by the controller itself, and rightly?
template <typename T>
Acceptance check_signature(const T& credential, Address signer, Address controller,
                           const IdentityLookup& who) {
  if (signer != controller) return Acceptance::Forged;
  const Identity* identity = who(controller);
  if (identity == nullptr) return Acceptance::SignerUnknown;
  return credential.verify(*identity) ? Acceptance::New : Acceptance::Forged;
}

// Every link of the chain; the first is the controller's.
Acceptance check_chain(const Capability& capability, Address controller,
                       const IdentityLookup& who) {
  if (!capability.is_chain_well_formed()) return Acceptance::Forged;
  if (capability.custody.front().from != controller) return Acceptance::Forged;
  for (std::size_t i = 0; i < capability.custody.size(); ++i) {
    const Identity* identity = who(capability.custody[i].from);
    if (identity == nullptr) return Acceptance::SignerUnknown;
    if (!capability.verify_link(i, *identity)) return Acceptance::Forged;
  }
  return Acceptance::New;
}

}  // namespace

std::uint64_t CredentialStore::threshold(CredentialType type, std::uint32_t id) const {
  const auto found = thresholds_.find({type, id});
  return found == thresholds_.end() ? 0 : found->second;
}

bool CredentialStore::is_fresh(CredentialType type, std::uint32_t id, std::uint64_t timestamp,
                               const NetworkConfig& ours) const {
  const std::uint64_t age =
      timestamp > ours.timestamp ? timestamp - ours.timestamp : ours.timestamp - timestamp;
  return age <= ours.credential_max_delta && timestamp > threshold(type, id);
}

template <typename T>
std::optional<Acceptance> CredentialStore::superseded(const std::vector<T>& held,
                                                      const T& credential,
                                                      CredentialType type) const {
  const auto known = find_id(held, credential.id);
  if (known != held.end()) {
    if (known->timestamp > credential.timestamp) return Acceptance::Rejected;
    if (*known == credential) return Acceptance::Redundant;
  }
  const std::uint64_t revoked = threshold(type, credential.id);
  if (revoked != 0 && revoked >= credential.timestamp) return Acceptance::Rejected;
  return std::nullopt;
}

template <typename T>
void CredentialStore::store(std::vector<T>& held, const T& credential, std::size_t limit) {
  ++generation_;
  const auto known = find_id(held, credential.id);
  if (known != held.end()) {
    *known = credential;
    return;
  }
  if (held.size() >= limit) {
    held.erase(std::min_element(held.begin(), held.end(),
                                [](const T& a, const T& b) { return a.timestamp < b.timestamp; }));
  }
  held.push_back(credential);
}

Acceptance CredentialStore::accept(const Membership& membership, Address controller,
                                   const IdentityLookup& who) {
  const std::uint64_t timestamp = membership.timestamp();
  if (timestamp <= membership_threshold_) return Acceptance::Rejected;
  if (membership_) {
    if (timestamp < membership_->timestamp()) return Acceptance::Rejected;
    if (membership == *membership_) return Acceptance::Redundant;
  }
  const Acceptance signature = check_signature(membership, membership.signed_by(), controller, who);
  if (signature != Acceptance::New) return signature;
  membership_ = membership;
  ++generation_;
  return Acceptance::New;
}

Acceptance CredentialStore::accept(const Tag& tag, Address controller, const IdentityLookup& who) {
  if (const auto known = superseded(tags_, tag, CredentialType::Tag)) return *known;
  const Acceptance signature = check_signature(tag, tag.signed_by, controller, who);
  if (signature == Acceptance::New) store(tags_, tag, NetworkConfig::kMaxTags);
  return signature;
}

Acceptance CredentialStore::accept(const Capability& capability, Address controller,
                                   const IdentityLookup& who) {
  if (const auto known = superseded(capabilities_, capability, CredentialType::Capability)) {
    return *known;
  }
  const Acceptance chain = check_chain(capability, controller, who);
  if (chain == Acceptance::New) store(capabilities_, capability, NetworkConfig::kMaxCapabilities);
  return chain;
}

Acceptance CredentialStore::accept(const Ownership& ownership, Address controller,
                                   const IdentityLookup& who) {
  if (const auto known = superseded(ownerships_, ownership, CredentialType::Ownership)) {
    return *known;
  }
  const Acceptance signature = check_signature(ownership, ownership.signed_by, controller, who);
  if (signature == Acceptance::New) store(ownerships_, ownership, kMaxOwnershipsHeld);
  return signature;
}

Acceptance CredentialStore::accept(const Revocation& revocation, Address controller,
                                   const IdentityLookup& who) {
  const bool of_membership = revocation.type == CredentialType::Membership;
  if (!of_membership && revocation.type != CredentialType::Capability &&
      revocation.type != CredentialType::Tag && revocation.type != CredentialType::Ownership) {
    return Acceptance::Forged;
  }
  const Acceptance signature = check_signature(revocation, revocation.signed_by, controller, who);
  if (signature != Acceptance::New) return signature;

  bool raised = false;
  if (!of_membership) {
    if (revocation.threshold <= threshold(revocation.type, revocation.credential_id)) {
      return Acceptance::Redundant;
    }
    if (thresholds_.size() >= kMaxThresholds) {  // the oldest says least
      thresholds_.erase(
          std::min_element(thresholds_.begin(), thresholds_.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
    thresholds_[{revocation.type, revocation.credential_id}] = revocation.threshold;
    raised = true;
  }
  if (revocation.threshold > membership_threshold_) {
    membership_threshold_ = revocation.threshold;
    raised = true;
  }
  if (!raised) return Acceptance::Redundant;
  ++generation_;
  return Acceptance::New;
}

bool CredentialStore::is_member(const NetworkConfig& ours, const Identity& identity) const {
  return ours.membership && membership_ && membership_->timestamp() > membership_threshold_ &&
         ours.membership->agrees_with(*membership_, identity);
}

const Tag* CredentialStore::tag(std::uint32_t id, const NetworkConfig& ours) const {
  const auto found = find_id(tags_, id);
  if (found == tags_.end()) return nullptr;
  return is_fresh(CredentialType::Tag, id, found->timestamp, ours) ? &*found : nullptr;
}

bool CredentialStore::is_in_force(const Capability& capability, const NetworkConfig& ours) const {
  return is_fresh(CredentialType::Capability, capability.id, capability.timestamp, ours);
}

bool CredentialStore::owns(const IpAddress& ip, const NetworkConfig& ours) const {
  return std::any_of(ownerships_.begin(), ownerships_.end(), [&](const Ownership& o) {
    return o.owns(ip) && is_fresh(CredentialType::Ownership, o.id, o.timestamp, ours);
  });
}

bool CredentialStore::owns(MacAddress mac, const NetworkConfig& ours) const {
  return std::any_of(ownerships_.begin(), ownerships_.end(), [&](const Ownership& o) {
    return o.owns(mac) && is_fresh(CredentialType::Ownership, o.id, o.timestamp, ours);
  });
}

}  // namespace ztshim::vl2
