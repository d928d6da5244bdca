// ICMP and ICMPv6 errors: what one says about a packet of ours. Finding the connection it belongs
// to is pcb.h's part.
#pragma once

#include <cstdint>
#include <optional>
#include <system_error>

#include "common/bytes.h"
#include "common/endpoint.h"

namespace ztshim::stack {

struct IcmpError {
  // What a socket is told, in Linux' translation (icmp(7), RFC 1122 4.2.3.9); nothing for a packet
  // that was too big.
  std::errc error{};
  unsigned mtu = 0;  // of the way, when a packet was too big for it
  // The packet it is about.
  std::uint8_t protocol = 0;
  Endpoint local, remote;
  std::uint32_t sequence = 0;  // TCP's
  // For whoever wants to know more (IP_RECVERR). Hard ones end what was tried; Linux tells the
  // others to those alone who have asked for them.
  bool is_hard = false;
  IpAddress from;  // whose error it is
  std::uint8_t type = 0, code = 0;
  Bytes quoted;  // what is left of our packet, without the headers of TCP and UDP
};

// `packet`: an IPv4 or IPv6 packet whose addresses were checked. Nothing when it is no error or a
// damaged one.
std::optional<IcmpError> parse_icmp_error(ByteView packet, bool is_v6);

// The same Linux translation by numbers.
std::errc errno_of_unreachable(std::uint8_t code, bool is_v6);

}  // namespace ztshim::stack
