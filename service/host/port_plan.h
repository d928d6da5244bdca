// Which UDP sockets a node wants: local addresses times ports, by the rules of vl1-behaviour 13.
// Decides only; binds nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ip_prefix.h"
#include "service/host/interfaces.h"
#include "service/host/udp_ports.h"
#include "service/wire/world.h"

namespace ztshim::host {

// What the operator says about the physical side (local.conf, vl1-behaviour 18, and the command
// line).
struct PhysicalSettings {
  // Instead of the machine's addresses. An endpoint with a port of its own gets that one only.
  std::vector<Endpoint> bind;
  std::optional<std::uint16_t> primary_port;  // nothing: any
  std::uint16_t secondary_port = 0;           // 0: any
  std::uint16_t tertiary_port = 0;            // 0: any
  bool allow_secondary_port = true;
  bool map_ports = true;
  std::vector<std::string> excluded_interfaces;  // prefixes of names
  std::vector<IpPrefix> excluded_networks;
  auto operator<=>(const PhysicalSettings&) const = default;
};

// The ports in use; 0: none of that kind.
struct ChosenPorts {
  std::uint16_t primary = 0, secondary = 0, tertiary = 0;
  auto operator<=>(const ChosenPorts&) const = default;
};

// Where the roots are. A lab lives on loopback, whose sockets nobody else needs.
struct Surroundings {
  bool loopback = false;   // some root is listed on a loopback address
  bool elsewhere = false;  // some root is listed anywhere else, or nothing is listed
  static Surroundings of(const std::optional<World>& planet);
  auto operator<=>(const Surroundings&) const = default;
};

// At most this many sockets (vl1-behaviour 13.2).
inline constexpr std::size_t kMaxBindings = 256;

// May sockets be bound to it, and may others be told of it (vl1-behaviour 13.2)?
bool is_bindable(const LocalAddress& address, const PhysicalSettings& settings);
// `addresses`: nothing when the kernel does not tell; wildcards then. The primary port's sockets
// come first, so that the limit costs the others.
std::vector<UdpBinding> plan_bindings(const std::optional<std::vector<LocalAddress>>& addresses,
                                      const PhysicalSettings& settings, const ChosenPorts& ports,
                                      const Surroundings& around, std::size_t limit = kMaxBindings);

}  // namespace ztshim::host
