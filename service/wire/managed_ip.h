// IPv6 addresses that follow from network, member and MAC. Notes: vl2 1.3.
//
//   RFC 4193: fd  network (8)  99 93  member (5)                  one /128 per member, in a /88
//   6PLANE:   fc  network folded to 32 bits (4)  member (5)  rest (6)   one /80 per member, in a
//   /40
#pragma once

#include <optional>

#include "common/ip_prefix.h"
#include "service/crypto/address.h"
#include "service/wire/mac.h"
#include "service/wire/network_id.h"

namespace ztshim {

IpPrefix rfc4193_address(NetworkId network, Address member);
IpPrefix six_plane_address(NetworkId network, Address member);  // the member's own: it ends in 1

// Whose address or, with 6PLANE, whose /80 this is; nothing when it is not of this network's
// pattern.
std::optional<Address> member_of_rfc4193(NetworkId network, const IpAddress& ip);
std::optional<Address> member_of_six_plane(NetworkId network, const IpAddress& ip);

// fe80::/64 with the MAC as modified EUI-64; never sent by a controller.
IpPrefix link_local_address(MacAddress mac);

}  // namespace ztshim
