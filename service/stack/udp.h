// UDP: our own, in the place of lwIP's, which searches all sockets for each datagram and knows
// neither Linux' rules of sharing a port nor control data. lwIP still reassembles and fragments.
#pragma once

#include <system_error>

#include "service/stack/datagram.h"
#include "service/stack/path_mtu.h"
#include "service/stack/port_table.h"
#include "service/stack/token_bucket.h"

struct netif;
struct pbuf;

namespace ztshim::stack {

class Interfaces;

class Udp {
 public:
  explicit Udp(const Interfaces& interfaces);

  PortTable& ports() { return ports_; }
  const PathMtus& path_mtus() const { return path_mtus_; }

  // EMSGSIZE and what send_packet() says. `from.ip` is the way's source.
  std::errc send(std::uint16_t from_port, const Endpoint& to, const PacketWay& way,
                 ByteView payload);
  // False: nobody has sent anything that it could be about.
  bool on_icmp_error(const IcmpError& error, InterfaceId interface);

  // ---- for lwIP: takes `p` over, which begins with the UDP header.
  void input(pbuf* p, const netif& in);

 private:
  bool deliver(const Datagram& datagram, bool is_group);
  // What we send to a group or a broadcast address is for our own sockets, too.
  void loop(std::uint16_t from_port, const Endpoint& to, const PacketWay& way, ByteView payload);

  // To a port of ours that nobody has, from an address of ours.
  void refuse_own(const Datagram& datagram);

  const Interfaces& interfaces_;
  PortTable ports_;
  PathMtus path_mtus_;
  // Linux' limits for ICMP errors (icmp_msgs_per_sec, icmp_msgs_burst).
  TokenBucket unreachables_{1000, 50};
};

}  // namespace ztshim::stack
