#include "service/vl1/physical_rules.h"

#include <algorithm>
#include <tuple>

#include "service/vl1/constants.h"

namespace ztshim::vl1 {

PhysicalRules::PhysicalRules(Settings settings) : settings_(std::move(settings)) {
  auto& networks = settings_.physical;
  const auto order = [](const PhysicalNetwork& n) {
    return std::tuple(n.network.ip.family(), n.network.bits, n.network.network());
  };
  std::stable_sort(networks.begin(), networks.end(),
                   [&](const auto& a, const auto& b) { return order(a) < order(b); });
  if (networks.size() > kMaxPhysicalNetworks) networks.resize(kMaxPhysicalNetworks);
}

const PhysicalNetwork* PhysicalRules::network_of(const IpAddress& ip) const {
  for (const PhysicalNetwork& candidate : settings_.physical) {
    if (candidate.network.contains(ip)) return &candidate;
  }
  return nullptr;
}

bool PhysicalRules::permits(const IpAddress& ip) const {
  const PhysicalNetwork* network = network_of(ip);
  return network == nullptr || !network->blacklisted;
}

bool PhysicalRules::permits(Address peer, const IpAddress& ip) const {
  if (!permits(ip)) return false;
  const auto found = settings_.peers.find(peer);
  if (found == settings_.peers.end()) return true;
  const auto& forbidden = found->second.blacklist;
  return std::none_of(forbidden.begin(), forbidden.end(),
                      [&](const IpPrefix& network) { return network.contains(ip); });
}

std::size_t PhysicalRules::mtu_for(const IpAddress& ip) const {
  const PhysicalNetwork* network = network_of(ip);
  if (network == nullptr || network->mtu == 0) return kUdpPayload;
  return std::clamp<std::size_t>(network->mtu, kSmallestMtu, kLargestMtu);
}

std::uint64_t PhysicalRules::trusted_path_to(const IpAddress& ip) const {
  const PhysicalNetwork* network = network_of(ip);
  return network == nullptr ? 0 : network->trusted_path;
}

// Any entry will do here: the sender may know the network by another of its ranges.
bool PhysicalRules::trusts(std::uint64_t trusted_path, const IpAddress& from) const {
  if (trusted_path == 0) return false;
  return std::any_of(settings_.physical.begin(), settings_.physical.end(),
                     [&](const PhysicalNetwork& n) {
                       return n.trusted_path == trusted_path && n.network.contains(from);
                     });
}

const std::vector<Endpoint>* PhysicalRules::hints_for(Address peer) const {
  const auto found = settings_.peers.find(peer);
  if (found == settings_.peers.end() || found->second.hints.empty()) return nullptr;
  return &found->second.hints;
}

}  // namespace ztshim::vl1
