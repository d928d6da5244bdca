#include "service/vl2/managed.h"

#include <algorithm>
#include <array>

namespace ztshim::vl2 {

namespace {

struct V4Block {
  std::uint32_t network;
  unsigned bits;
};
constexpr bool lies_in(std::uint32_t ip, const V4Block& block) {
  return ip >> (32 - block.bits) == block.network >> (32 - block.bits);
}

constexpr std::array<V4Block, 4> kNeverV4{{
    {0x00000000, 8},   // "this network"
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // link-local
    {0xff000000, 8},   // broadcast
}};
constexpr V4Block kMulticastV4{0xe0000000, 4};
constexpr std::array<V4Block, 8> kPrivateV4{{
    {0x0a000000, 8},
    {0xac100000, 12},
    {0xc0a80000, 16},
    {0x64400000, 10},
    {0xc0000200, 24},
    {0xc6120000, 15},
    {0xc6336400, 24},
    {0xcb007100, 24},
}};
// Public on paper, in fact never seen on the Internet or reserved: used inside organisations.
constexpr std::array<std::uint8_t, 12> kPseudoPrivateFirstOctets{6,  11, 21, 22, 25, 26,
                                                                 28, 29, 30, 51, 55, 56};

AddressScope scope_of_v4(std::uint32_t ip) {
  const auto within = [ip](const V4Block& block) { return lies_in(ip, block); };
  if (std::any_of(kNeverV4.begin(), kNeverV4.end(), within) || within(kMulticastV4)) {
    return AddressScope::Never;
  }
  const auto first = static_cast<std::uint8_t>(ip >> 24);
  if (first >= 240) return AddressScope::Private;
  if (std::any_of(kPrivateV4.begin(), kPrivateV4.end(), within) ||
      std::count(kPseudoPrivateFirstOctets.begin(), kPseudoPrivateFirstOctets.end(), first) != 0) {
    return AddressScope::Private;
  }
  return AddressScope::Global;
}

AddressScope scope_of_v6(const IpAddress& ip) {
  if (ip.is_unspecified() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast()) {
    return AddressScope::Never;
  }
  return (ip.bytes()[0] & 0xfe) == 0xfc ? AddressScope::Private : AddressScope::Global;
}

}  // namespace

AddressScope scope_of(const IpAddress& ip) {
  if (ip.is_v4()) return scope_of_v4(ip.v4_number());
  return ip.is_v6() ? scope_of_v6(ip) : AddressScope::Never;
}

bool is_admitted(const LocalSettings& settings, const IpPrefix& target) {
  if (!settings.allow_managed || !target.ip) return false;
  const auto& within = settings.managed_within;
  if (!within.empty() && std::none_of(within.begin(), within.end(), [&](const IpPrefix& allowed) {
        return allowed.bits <= target.bits && allowed.contains(target.ip);
      })) {
    return false;
  }
  // Whatever address is written before it: a range of no bits is everything.
  if (target.is_default_route()) return settings.allow_default;
  switch (scope_of(target.ip)) {
    case AddressScope::Never:
      return false;
    case AddressScope::Private:
      return true;
    case AddressScope::Global:
      return settings.allow_global;
  }
  return false;
}

std::vector<IpPrefix> admitted_addresses(const LocalSettings& settings,
                                         const NetworkConfig& config) {
  std::vector<IpPrefix> admitted;
  for (const IpPrefix& address : config.managed_addresses) {
    // An address without an on-link range is no use, and 0 bits would swallow all others.
    if (address.bits != 0 && address.bits <= address.ip.bit_count() &&
        is_admitted(settings, address)) {
      admitted.push_back(address);
    }
  }
  return admitted;
}

std::vector<ManagedRoute> admitted_routes(const LocalSettings& settings,
                                          const NetworkConfig& config) {
  const std::vector<IpPrefix> own = admitted_addresses(settings, config);
  std::vector<ManagedRoute> admitted;
  for (const ManagedRoute& route : config.routes) {
    const bool leads_here = std::any_of(
        own.begin(), own.end(), [&](const IpPrefix& address) { return address.ip == route.via; });
    const bool has_source = std::any_of(own.begin(), own.end(), [&](const IpPrefix& address) {
      return address.ip.family() == route.target.ip.family();
    });
    if (!leads_here && has_source && route.target.bits <= route.target.ip.bit_count() &&
        // By the range, not by an address in it: 10.0.0.0/1 is half of the Internet.
        is_admitted(settings, {route.target.network(), route.target.bits})) {
      admitted.push_back(route);
    }
  }
  return admitted;
}

namespace {

// Our address that shares most bits with the target; of equals the first.
const IpPrefix* nearest(const std::vector<IpPrefix>& own, const IpAddress& target) {
  const IpPrefix* best = nullptr;
  unsigned best_bits = 0;
  for (const IpPrefix& address : own) {
    if (address.ip.family() != target.family()) continue;
    const unsigned bits = common_prefix_bits(address.ip, target);
    if (best != nullptr && bits <= best_bits) continue;
    best = &address;
    best_bits = bits;
  }
  return best;
}

}  // namespace

EffectiveSettings effective_settings(const LocalSettings& settings, const NetworkConfig& config) {
  EffectiveSettings effective;
  effective.addresses = admitted_addresses(settings, config);
  for (const ManagedRoute& route : admitted_routes(settings, config)) {
    const bool is_implied = std::any_of(
        effective.addresses.begin(), effective.addresses.end(), [&](const IpPrefix& address) {
          return address.bits == route.target.bits && route.target.contains(address.ip);
        });
    const bool crosses_families = route.via && route.via.family() != route.target.ip.family();
    const IpPrefix* source = nearest(effective.addresses, route.target.ip);
    if (is_implied || crosses_families || source == nullptr) continue;
    effective.routes.push_back(
        {{route.target.network(), route.target.bits}, route.via, source->ip});
  }
  if (settings.allow_dns && !config.dns.domain.empty()) {
    effective.dns_domain = config.dns.domain;
    for (const IpAddress& server : config.dns.servers) {
      if (server) effective.dns_servers.push_back(server);
    }
  }
  return effective;
}

}  // namespace ztshim::vl2
