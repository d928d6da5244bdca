// Network addresses as the protocol writes them, and how far each of them reaches.
// Notes: vl1-packets 5, vl2 4.3, vl1-behaviour 5.1.
//
//   type 0: nothing more      4: IPv4 (4), u16      6: IPv6 (16), u16
//   type 1, 2: 6 bytes, 3: u16 length and as many bytes: reserved, stepped over, read as "none"
//
// In VL1 the u16 is a UDP port, in VL2 a prefix length.
#pragma once

#include "common/endpoint.h"
#include "common/ip_prefix.h"
#include "common/reader.h"
#include "common/writer.h"

namespace ztshim {

void write_address(Writer& out,
                   const Endpoint& endpoint);  // an empty address becomes one zero byte
// An empty Endpoint for "no address" and for the reserved types; fails `in` for an unknown type.
Endpoint read_address(Reader& in);

void write_prefix(Writer& out, const IpPrefix& prefix);
// As read_address; a prefix length beyond the family's is cut down to it.
IpPrefix read_prefix(Reader& in);

// The values are the protocol's; a higher one is the better path.
enum class Scope : std::uint8_t {
  None = 0,
  Multicast = 1,
  Loopback = 2,
  PseudoPrivate = 3,  // public by registration, private by use
  Global = 4,
  LinkLocal = 5,
  Shared = 6,  // not produced any more
  Private = 7,
};
Scope scope_of(const IpAddress& ip);

}  // namespace ztshim
