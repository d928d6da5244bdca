#include "service/host/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace ztshim::host {
namespace {

// What we offer to peers is bounded: a container host has hundreds of addresses.
constexpr std::size_t kMaxEndpoints = 64;

bool is_excluded(std::string_view interface) {
  constexpr std::array<std::string_view, 4> kPrefixes{"lo", "zt", "tun", "tap"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
    return interface.substr(0, prefix.size()) == prefix;
  });
}

std::vector<IpAddress> usable_addresses() {
  std::vector<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0 || is_excluded(at->ifa_name)) {
      continue;
    }
    const socklen_t length =
        at->ifa_addr->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    const auto endpoint = Endpoint::from_sockaddr(at->ifa_addr, length);
    if (!endpoint) continue;
    const IpAddress& ip = endpoint->ip;
    if (ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_unspecified())
      continue;
    addresses.push_back(ip);
  }
  return addresses;
}

}  // namespace

std::vector<Endpoint> reachable_endpoints(const std::vector<Endpoint>& bound) {
  std::vector<Endpoint> endpoints;
  std::vector<IpAddress> own;
  bool asked = false;
  const auto add = [&](const Endpoint& endpoint) {
    const bool known = std::find(endpoints.begin(), endpoints.end(), endpoint) != endpoints.end();
    if (!known && endpoints.size() < kMaxEndpoints) endpoints.push_back(endpoint);
  };
  for (const Endpoint& local : bound) {
    if (!local.ip.is_unspecified()) {
      add(local);
      continue;
    }
    if (!asked) own = usable_addresses();
    asked = true;
    for (const IpAddress& ip : own) {
      if (ip.family() == local.ip.family()) add({ip, local.port});
    }
  }
  return endpoints;
}

}  // namespace ztshim::host
