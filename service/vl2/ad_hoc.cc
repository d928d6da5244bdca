#include "service/vl2/ad_hoc.h"

#include "service/vl2/ethernet.h"
#include "service/wire/managed_ip.h"

namespace ztshim::vl2 {

namespace {

constexpr std::uint64_t kCredentialDelta = 7'200'000;
constexpr std::uint64_t kTcpSyn = 0x02;
constexpr std::uint64_t kTcpAck = 0x10;
constexpr std::uint64_t kHubMulticastLimit = 1024;

Rule action(RuleType type) { return {type, false, false, {}}; }
Rule match(RuleType type, RuleOperand operand) { return {type, false, false, std::move(operand)}; }
Rule negated(Rule rule) {
  rule.negated = true;
  return rule;
}
Rule or_else(Rule rule) {
  rule.is_or = true;
  return rule;
}

// IPv6 only: ICMPv6; UDP and TCP to the ports of the range; TCP that is no request for a
// connection.
Rules port_range_rules(std::uint16_t first, std::uint16_t last) {
  return {
      negated(match(RuleType::EtherType, RuleNumber{kEtherIpv6})),
      action(RuleType::ActionDrop),
      match(RuleType::IpProtocol, RuleNumber{kProtocolIcmpv6}),
      action(RuleType::ActionAccept),
      match(RuleType::IpProtocol, RuleNumber{kProtocolUdp}),
      or_else(match(RuleType::IpProtocol, RuleNumber{kProtocolTcp})),
      match(RuleType::IpDestinationPortRange, RuleRange{first, last}),
      action(RuleType::ActionAccept),
      negated(match(RuleType::Characteristics, RuleCharacteristics{kTcpSyn})),
      action(RuleType::ActionAccept),
      match(RuleType::Characteristics, RuleCharacteristics{kTcpSyn}),
      match(RuleType::Characteristics, RuleCharacteristics{kTcpAck}),
      action(RuleType::ActionAccept),
      action(RuleType::ActionDrop),
  };
}

NetworkConfig common_config(NetworkId network, Address own, std::uint64_t wall_ms) {
  NetworkConfig config;
  config.network = network;
  config.timestamp = wall_ms;
  config.credential_max_delta = kCredentialDelta;
  config.revision = 1;
  config.issued_to = own;
  config.flags = NetworkConfig::kFlagNdpEmulation;
  config.is_public = true;
  config.managed_addresses.push_back(six_plane_address(network, own));
  return config;
}

}  // namespace

Result<NetworkConfig, AdHocError> ad_hoc_config(NetworkId network, Address own,
                                                std::uint64_t wall_ms) {
  const std::uint64_t id = network.number();
  if ((id & 0xffffff) == 0) {  // ff SSSS EEEE 000000
    const auto first = static_cast<std::uint16_t>(id >> 40);
    const auto last = static_cast<std::uint16_t>(id >> 24);
    if (last < first) return failure(AdHocError::BadRange);
    NetworkConfig config = common_config(network, own, wall_ms);
    config.name = "adhoc-" + to_hex(first, 4) + "-" + to_hex(last, 4);
    config.rules = port_range_rules(first, last);
    return config;
  }
  if ((id & 0xff) == 1) {  // ff AA hub 01
    const auto octet = static_cast<std::uint32_t>(id >> 48 & 0xff);
    const Address hub(id >> 8);
    NetworkConfig config = common_config(network, own, wall_ms);
    config.multicast_limit = kHubMulticastLimit;
    const auto host = static_cast<std::uint32_t>(own.number() & 0xffffff);
    config.managed_addresses.push_back({IpAddress::v4(octet << 24 | host), 8});
    config.name = "adhoc-" + std::to_string(octet) + ".0.0.0";
    config.rules = {action(RuleType::ActionAccept)};
    if (hub) config.specialists.push_back({hub.number()});
    return config;
  }
  return failure(AdHocError::UnknownForm);
}

}  // namespace ztshim::vl2
