// Which of the addresses and routes that a controller assigns are let in: local settings and the
// kind of address decide. Installing them is the stack's part. Notes: vl2 11.
#pragma once

#include "common/ip_prefix.h"
#include "service/vl2/vl2.h"
#include "service/wire/network_config_dictionary.h"

namespace ztshim::vl2 {

enum class AddressScope : std::uint8_t { Never, Private, Global };
// Never: unspecified, loopback, link-local, multicast and the like. Private includes the address
// blocks that are commonly used as if they were.
AddressScope scope_of(const IpAddress& ip);

// Does the owner of this node want this address or route target?
bool is_admitted(const LocalSettings& settings, const IpPrefix& target);

std::vector<IpPrefix> admitted_addresses(const LocalSettings& settings,
                                         const NetworkConfig& config);
// Without those that lead to ourselves and those we have no address to use as source for.
std::vector<ManagedRoute> admitted_routes(const LocalSettings& settings,
                                          const NetworkConfig& config);
// All of it, ready for the stack.
EffectiveSettings effective_settings(const LocalSettings& settings, const NetworkConfig& config);

}  // namespace ztshim::vl2
