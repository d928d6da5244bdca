// What lwIP's hooks and the classes of this folder share. lwIP's state is global, and so is this.
#pragma once

#include <cstdint>
#include <functional>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/time.h"
#include "lwip/ip_addr.h"
#include "lwip/netif.h"

namespace ztshim::stack {

class Groups;
class Icmp;
class Interfaces;
class Udp;

struct Glue {
  Time now = kLongAgo;
  // lwIP's clock goes on where the previous Stack of this process left it.
  std::int64_t clock_offset_ms = 0;
  std::function<void(MutableBytes)> random;
  Interfaces* interfaces = nullptr;
  Icmp* icmp = nullptr;
  Udp* udp = nullptr;
  const Groups* groups = nullptr;
  std::uint64_t sequence_secret[2] = {};
  // A connection in TIME_WAIT has just given way to the packet that lwIP was given, which has to
  // come once more.
  bool made_room = false;
  // Set while an address is taken away: the connections that end meanwhile end because of it.
  bool removing_address = false;
};
extern Glue glue;

ip_addr_t to_lwip(const IpAddress& ip);
ip4_addr_t to_lwip4(const IpAddress& ip);
IpAddress from_lwip(const ip_addr_t& ip);
IpAddress from_lwip(const ip4_addr_t& ip);
IpAddress from_lwip(const ip6_addr_t& ip);

}  // namespace ztshim::stack
