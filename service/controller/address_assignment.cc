#include "service/controller/address_assignment.h"

#include <algorithm>

#include "common/reader.h"
#include "common/writer.h"
#include "service/wire/managed_ip.h"

namespace ztshim::controller {

namespace {

constexpr unsigned kMaxTrials = 1000;  // per pool

// The longest of the network's routes that contains the address; 0: none, so it is not issued.
unsigned prefix_of(const NetworkDefinition& network, const IpAddress& ip) {
  unsigned bits = 0;
  for (const ManagedRoute& route : network.routes) {
    if (route.target.contains(ip)) bits = std::max(bits, route.target.bits);
  }
  return bits;
}

// Of the first route that has exactly this network; a route with host bits set has none.
unsigned v4_route_bits(const NetworkDefinition& network, const IpAddress& ip) {
  for (const ManagedRoute& route : network.routes) {
    if (route.target.ip.is_v4() && IpPrefix{ip, route.target.bits}.network() == route.target.ip) {
      return route.target.bits;
    }
  }
  return 0;
}

unsigned v6_route_bits(const NetworkDefinition& network, const IpAddress& ip) {
  unsigned bits = 0;
  for (const ManagedRoute& route : network.routes) {
    if (route.target.ip.is_v6() && !route.via && route.target.contains(ip)) {
      bits = route.target.bits;
    }
  }
  return bits;
}

std::pair<std::uint64_t, std::uint64_t> halves(const IpAddress& ip) {
  Reader in(ip.bytes());
  const auto high = in.be<std::uint64_t>();
  return {high, in.be<std::uint64_t>()};
}

IpAddress from_halves(std::uint64_t high, std::uint64_t low) {
  Bytes bytes;
  Writer(bytes).be(high).be(low);
  return IpAddress::v6(bytes);
}

std::optional<IpPrefix> pick_v6(const NetworkDefinition& network, Address member,
                                const IsTaken& is_taken, RandomSource& random) {
  for (const auto& [first, last] : network.pools) {
    if (!first.is_v6()) continue;
    const auto [first_high, first_low] = halves(first);
    const auto [last_high, last_low] = halves(last);
    for (unsigned trial = 0; trial < kMaxTrials; ++trial) {
      IpAddress candidate;
      if (trial == 0 && last_low > first_low && last_low - first_low >= 0xffffffffffULL) {
        candidate = from_halves(first_high, first_low + member.number());
      } else {
        const std::uint64_t high =
            last_high > first_high ? random.below(last_high - first_high) : 0;
        const std::uint64_t low = last_low > first_low ? random.below(last_low - first_low) : 0;
        candidate = from_halves(first_high + high, first_low + low);
      }
      const unsigned bits = v6_route_bits(network, candidate);
      if (bits > 0 && !is_taken(candidate)) return IpPrefix{candidate, bits};
    }
  }
  return std::nullopt;
}

// Beginning at a place that follows from the member's address, so that a member who loses its
// record gets the same address again. The pool's last address and those that end in 255 are never
// picked (controller.md 12.5).
std::optional<IpPrefix> pick_v4(const NetworkDefinition& network, Address member,
                                const IsTaken& is_taken) {
  for (const auto& [first, last] : network.pools) {
    if (!first.is_v4()) continue;
    const std::uint32_t start = first.v4_number();
    const std::uint32_t end = last.v4_number();
    if (end < start || start == 0) continue;
    const std::uint32_t length = end - start;
    auto counter = static_cast<std::uint32_t>(member.number());
    const std::uint64_t trials = std::min<std::uint64_t>(std::uint64_t{length} + 1, kMaxTrials);
    for (std::uint64_t trial = 0; trial < trials; ++trial) {
      const std::uint32_t number = length > 0 ? start + counter % length : start;
      ++counter;
      if ((number & 0xff) == 0xff) continue;
      const IpAddress candidate = IpAddress::v4(number);
      const unsigned bits = v4_route_bits(network, candidate);
      if (bits > 0 && !is_taken(candidate)) return IpPrefix{candidate, bits};
    }
  }
  return std::nullopt;
}

}  // namespace

Assignment assign_addresses(const NetworkDefinition& network, NetworkId id, Address member,
                            const MemberDefinition& definition, const IsTaken& is_taken,
                            RandomSource& random) {
  Assignment result;
  const auto issue = [&result](const IpPrefix& address) {
    if (result.addresses.size() < NetworkConfig::kMaxManagedAddresses) {
      result.addresses.push_back(address);
    }
  };
  if (!definition.no_auto_assign) {
    if (network.rfc4193) issue(rfc4193_address(id, member));
    if (network.six_plane) issue(six_plane_address(id, member));
    result.ndp_emulation = network.rfc4193 || network.six_plane;
  }
  bool has_v4 = false;
  bool has_v6 = false;
  for (const IpAddress& ip : definition.addresses) {
    const unsigned bits = prefix_of(network, ip);
    if (bits == 0) continue;
    issue({ip, bits});
    (ip.is_v4() ? has_v4 : has_v6) = true;
  }
  if (definition.no_auto_assign) return result;
  const auto take = [&](const std::optional<IpPrefix>& picked) {
    if (!picked) return false;
    issue(*picked);
    result.picked.push_back(picked->ip);
    return true;
  };
  const auto has_pool = [&network](IpFamily family) {
    return std::any_of(network.pools.begin(), network.pools.end(),
                       [family](const auto& pool) { return pool.first.family() == family; });
  };
  if (network.assign_v6 && !has_v6 && has_pool(IpFamily::V6)) {
    result.is_short_of_v6 = !take(pick_v6(network, member, is_taken, random));
  }
  if (network.assign_v4 && !has_v4 && has_pool(IpFamily::V4)) {
    result.is_short_of_v4 = !take(pick_v4(network, member, is_taken));
  }
  return result;
}

}  // namespace ztshim::controller
