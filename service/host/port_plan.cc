#include "service/host/port_plan.h"

#include <algorithm>

#include "service/wire/address_codec.h"

namespace ztshim::host {
namespace {

bool has_usable_scope(const IpAddress& ip) {
  switch (scope_of(ip)) {
    case Scope::PseudoPrivate:
    case Scope::Global:
    case Scope::Shared:
    case Scope::Private:
      return true;
    case Scope::None:
    case Scope::Multicast:
    case Scope::Loopback:
    case Scope::LinkLocal:
      return false;
  }
  return false;
}

// The addresses to bind, each with the interface it is on where that is known.
std::vector<UdpBinding> plan_locals(const std::optional<std::vector<LocalAddress>>& addresses,
                                    const PhysicalSettings& settings, const Surroundings& around) {
  const auto interface_of = [&](const IpAddress& ip) {
    std::string name;
    for (const LocalAddress& address : addresses.value_or(std::vector<LocalAddress>{})) {
      if (address.ip == ip && !ip.is_loopback()) name = address.interface;
    }
    // Sockets bound to the loopback device reach nobody else.
    return name.starts_with("lo") ? std::string() : name;
  };
  std::vector<UdpBinding> locals;
  for (const Endpoint& wanted : settings.bind) {
    locals.push_back({wanted, interface_of(wanted.ip), true});
  }
  if (!locals.empty()) return locals;
  if (around.elsewhere && !addresses) {
    locals = {{{IpAddress::v4(0), 0}, {}, false}, {{IpAddress::v6(Bytes(16, 0)), 0}, {}, false}};
    return locals;  // loopback is behind them
  }
  if (around.elsewhere) {
    for (const LocalAddress& address : *addresses) {
      if (!is_bindable(address, settings)) continue;
      locals.push_back({{address.ip, 0}, address.interface, false});
    }
  }
  if (around.loopback) {
    locals.push_back({{*IpAddress::parse("127.0.0.1"), 0}, {}, false});
    locals.push_back({{*IpAddress::parse("::1"), 0}, {}, false});
  }
  return locals;
}

}  // namespace

Surroundings Surroundings::of(const std::optional<World>& planet) {
  Surroundings around;
  if (planet) {
    for (const WorldRoot& root : planet->roots) {
      for (const Endpoint& endpoint : root.endpoints) {
        (endpoint.ip.is_loopback() ? around.loopback : around.elsewhere) = true;
      }
    }
  }
  if (!around.loopback) around.elsewhere = true;
  return around;
}

bool is_bindable(const LocalAddress& address, const PhysicalSettings& settings) {
  if (address.is_temporary || !has_usable_scope(address.ip)) return false;
  if (is_excluded_interface(address.interface)) return false;
  const auto names = [&](const std::string& prefix) {
    return !prefix.empty() && address.interface.starts_with(prefix);
  };
  const auto holds = [&](const IpPrefix& network) { return network.contains(address.ip); };
  return std::none_of(settings.excluded_interfaces.begin(), settings.excluded_interfaces.end(),
                      names) &&
         std::none_of(settings.excluded_networks.begin(), settings.excluded_networks.end(), holds);
}

std::vector<UdpBinding> plan_bindings(const std::optional<std::vector<LocalAddress>>& addresses,
                                      const PhysicalSettings& settings, const ChosenPorts& ports,
                                      const Surroundings& around, std::size_t limit) {
  std::vector<UdpBinding> bindings;
  const auto locals = plan_locals(addresses, settings, around);
  const auto add = [&](UdpBinding binding) {
    const bool known =
        std::any_of(bindings.begin(), bindings.end(),
                    [&](const UdpBinding& present) { return present.local == binding.local; });
    if (!known && bindings.size() < limit) bindings.push_back(std::move(binding));
  };
  for (const std::uint16_t port : {ports.primary, ports.secondary, ports.tertiary}) {
    for (UdpBinding local : locals) {
      const bool has_own_port = local.local.port != 0;
      if (port == 0 || (has_own_port && port != ports.primary)) continue;
      // On loopback nothing stands in the way that a second port would get around.
      if (local.local.ip.is_loopback() && port != ports.primary) continue;
      if (!has_own_port) local.local.port = port;
      local.required = local.required && port == ports.primary;
      add(std::move(local));
    }
  }
  return bindings;
}

}  // namespace ztshim::host
