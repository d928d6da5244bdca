// IP packets that are neither TCP's nor lwIP's own: UDP and ICMP of applications.
#pragma once

#include <system_error>

#include "service/stack/datagram.h"

namespace ztshim::stack {

class Interfaces;

// Fragments what is larger than `path_mtu` or the link's. `payload` begins with the transport's
// header and has room for the network's. ENETUNREACH, ENOBUFS, EMSGSIZE, or what lwIP says.
std::errc send_packet(const Interfaces& interfaces, std::uint8_t protocol, const IpAddress& to,
                      const PacketWay& way, unsigned path_mtu, const PbufHandle& payload);

}  // namespace ztshim::stack
