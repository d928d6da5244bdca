#include "service/controller/issue.h"

#include <algorithm>

namespace ztshim::controller {

namespace {

Capability issue_capability(const IssueInput& in,
                            const NetworkDefinition::CapabilityDefinition& definition) {
  Capability capability;
  capability.network = in.id;
  capability.timestamp = in.wall_ms;
  capability.id = definition.id;
  capability.rules = definition.rules;
  capability.max_custody_chain_length = 1;
  capability.sign(in.controller, in.recipient.address());
  return capability;
}

Tag issue_tag(const IssueInput& in, std::uint32_t id, std::uint32_t value) {
  Tag tag;
  tag.network = in.id;
  tag.timestamp = in.wall_ms;
  tag.id = id;
  tag.value = value;
  tag.issued_to = in.recipient.address();
  tag.sign(in.controller);
  return tag;
}

Ownership issue_ownership(const IssueInput& in, const std::vector<IpPrefix>& addresses) {
  Ownership ownership;
  ownership.network = in.id;
  ownership.timestamp = in.wall_ms;
  ownership.id = 1;
  ownership.issued_to = in.recipient.address();
  const std::size_t count = std::min(addresses.size(), Ownership::kMaxThings);
  for (std::size_t i = 0; i < count; ++i) {
    ownership.things.push_back(Ownership::Thing::of(addresses[i].ip));
  }
  ownership.sign(in.controller);
  return ownership;
}

void add_rules(const IssueInput& in, NetworkConfig& config) {
  if (!in.understands_rules) {
    config.rules = {Rule{RuleType::ActionAccept, false, false, {}}};
    return;
  }
  config.rules = in.network.rules;
  for (const std::uint32_t id : in.member.capabilities) {
    const auto definition =
        std::find_if(in.network.capabilities.begin(), in.network.capabilities.end(),
                     [id](const auto& c) { return c.id == id; });
    if (definition == in.network.capabilities.end()) continue;
    if (config.capabilities.size() >= NetworkConfig::kMaxCapabilities) break;
    config.capabilities.push_back(issue_capability(in, *definition));
  }
  for (const auto& [id, value] : in.member.tags) {
    if (config.tags.size() >= NetworkConfig::kMaxTags) break;
    config.tags.push_back(issue_tag(in, id, value));
  }
}

}  // namespace

NetworkConfig issue_config(const IssueInput& in) {
  NetworkConfig config;
  config.network = in.id;
  config.issued_to = in.recipient.address();
  config.timestamp = in.wall_ms;
  config.credential_max_delta = in.network.credential_window_ms;
  config.revision = in.network.revision;
  config.is_public = !in.network.is_private;
  config.name = in.network.name;
  config.mtu = in.network.mtu;
  config.multicast_limit = in.network.multicast_limit;
  if (in.network.broadcast) config.flags |= NetworkConfig::kFlagBroadcast;
  if (in.assignment.ndp_emulation) config.flags |= NetworkConfig::kFlagNdpEmulation;
  if (const auto own_trace = Address::parse(in.member.trace_target)) {
    config.trace_target = *own_trace;
    config.trace_level = in.member.trace_level;
  } else {
    config.trace_target = in.network.trace_target;
    config.trace_level = in.network.trace_level;
  }
  for (const Address bridge : in.active_bridges) {
    if (config.specialists.size() >= NetworkConfig::kMaxSpecialists) break;
    config.specialists.push_back({Specialist::kActiveBridge | bridge.number()});
  }
  add_rules(in, config);
  config.routes = in.network.routes;
  config.managed_addresses = in.assignment.addresses;
  config.dns = in.network.dns;
  if (!config.managed_addresses.empty()) {
    config.ownerships.push_back(issue_ownership(in, config.managed_addresses));
  }
  config.membership =
      Membership::make(in.wall_ms, in.network.credential_window_ms, in.id, in.recipient);
  config.membership->sign(in.controller);
  return config;
}

Revocation issue_revocation(NetworkId id, Address member, const Identity& controller,
                            std::uint64_t wall_ms, std::uint32_t random_id) {
  Revocation revocation;
  revocation.id = random_id;
  revocation.network = id;
  revocation.threshold = wall_ms;
  revocation.flags = Revocation::kFastPropagate;
  revocation.target = member;
  revocation.type = CredentialType::Membership;
  revocation.sign(controller);
  return revocation;
}

}  // namespace ztshim::controller
