// The addresses this machine has, and which of them others could reach us at. Asks the kernel
// (rtnetlink) each time; whoever wants to hear of changes watches them (address_watch).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "common/endpoint.h"

namespace ztshim::host {

struct LocalAddress {
  IpAddress ip;
  std::string interface;
  bool is_temporary = false;  // an IPv6 privacy address: gone tomorrow
  auto operator<=>(const LocalAddress&) const = default;
};

// The addresses of all interfaces that are up, in the kernel's order, without those that cannot be
// bound yet (IPv6 duplicate detection). Nothing: the kernel does not tell (some sandboxes).
std::optional<std::vector<LocalAddress>> local_addresses();

// Names of interfaces that lead to this machine itself or into virtual networks
// (vl1-behaviour 13.2).
bool is_excluded_interface(std::string_view name);

// The endpoints behind bound sockets that may be offered to others (vl1-behaviour 7.1): a wildcard
// stands for the addresses of all usable interfaces. At most 64.
std::vector<Endpoint> reachable_endpoints(const std::vector<Endpoint>& bound);

}  // namespace ztshim::host
