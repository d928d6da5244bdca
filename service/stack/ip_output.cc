#include "service/stack/ip_output.h"

#include <arpa/inet.h>

#include <algorithm>

#include "lwip/ip.h"
#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ip4.h"
#include "service/stack/internet_checksum.h"
#include "service/stack/lwip_error.h"
#include "service/stack/lwip_glue.h"
#include "service/stack/netif.h"

namespace ztshim::stack {
namespace {

// lwIP fragments IPv4 by the netif's MTU alone. (For IPv6 it remembers what routers say.)
class SmallerMtu {
 public:
  SmallerMtu(netif& out, unsigned mtu) : out_(out), before_(out.mtu) {
    out.mtu = static_cast<u16_t>(std::min<unsigned>(out.mtu, mtu));
  }
  ~SmallerMtu() { out_.mtu = before_; }
  SmallerMtu(const SmallerMtu&) = delete;
  SmallerMtu& operator=(const SmallerMtu&) = delete;

 private:
  netif& out_;
  const u16_t before_;
};

// By hand, because lwIP knows no way to forbid fragmenting.
err_t send_v4(netif& out, std::uint8_t protocol, const IpAddress& to, const PacketWay& way,
              pbuf* p) {
  if (pbuf_add_header(p, IP_HLEN) != 0) return ERR_BUF;
  static std::uint16_t identification = 0;
  if (identification == 0)
    glue.random(MutableBytes(reinterpret_cast<std::uint8_t*>(&identification), 2));
  auto* const header = static_cast<ip_hdr*>(p->payload);
  const ip4_addr_t source = to_lwip4(way.source), destination = to_lwip4(to);
  IPH_VHL_SET(header, 4, IP_HLEN / 4);
  IPH_TOS_SET(header, way.traffic_class);
  IPH_LEN_SET(header, htons(p->tot_len));
  IPH_ID_SET(header, htons(++identification));
  IPH_OFFSET_SET(header, htons(way.dont_fragment ? IP_DF : 0));
  IPH_TTL_SET(header, way.hop_limit);
  IPH_PROTO_SET(header, protocol);
  IPH_CHKSUM_SET(header, 0);
  header->src.addr = source.addr;
  header->dest.addr = destination.addr;
  const std::uint16_t sum =
      internet_sum(ByteView(static_cast<const std::uint8_t*>(p->payload), IP_HLEN));
  IPH_CHKSUM_SET(header, static_cast<std::uint16_t>(~sum));
  return ip4_output_if_src(p, nullptr, LWIP_IP_HDRINCL, 0, 0, 0, &out);
}

err_t send_v6(netif& out, std::uint8_t protocol, const IpAddress& to, const PacketWay& way,
              pbuf* p) {
  ip_addr_t destination = to_lwip(to), source = to_lwip(way.source);
  ip6_addr_assign_zone(ip_2_ip6(&destination), IP6_UNKNOWN, &out);
  ip6_addr_assign_zone(ip_2_ip6(&source), IP6_UNICAST, &out);
  return ip6_output_if_src(p, ip_2_ip6(&source), ip_2_ip6(&destination), way.hop_limit,
                           way.traffic_class, protocol, &out);
}

}  // namespace

std::errc send_packet(const Interfaces& interfaces, std::uint8_t protocol, const IpAddress& to,
                      const PacketWay& way, unsigned path_mtu, const PbufHandle& payload) {
  const Interface* const interface = interfaces.find(way.interface);
  if (interface == nullptr) return std::errc::network_unreachable;
  // What is for ourselves turns round in the netif that has the address.
  netif* out = interface->broadcast_netif(to);
  if (out == nullptr) out = interface->netif_for(interface->owns(to) ? to : way.source);
  if (out == nullptr) return std::errc::network_unreachable;
  const SmallerMtu smaller(*out, path_mtu);
  const err_t error = to.is_v4() ? send_v4(*out, protocol, to, way, payload.get())
                                 : send_v6(*out, protocol, to, way, payload.get());
  return errno_of(error, Phase::Connecting);
}

}  // namespace ztshim::stack
