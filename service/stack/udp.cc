#include "service/stack/udp.h"

#include <arpa/inet.h>

#include <cstring>

#include "lwip/icmp.h"
#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/udp.h"
#include "service/stack/internet_checksum.h"
#include "service/stack/ip_output.h"
#include "service/stack/lwip_glue.h"
#include "service/stack/lwip_hooks.h"
#include "service/stack/netif.h"

namespace ztshim::stack {
namespace {

// An ICMP error has 576 bytes at the most (RFC 1812 4.3.2.3), two IP headers and its own among
// them.
constexpr std::size_t kMostQuoted = 520;
// What lwIP can count, the header of an IPv6 packet included.
constexpr std::size_t kLargestPacket = 0xffff;

std::uint32_t random_number() {
  std::uint32_t number = 0;
  glue.random(MutableBytes(reinterpret_cast<std::uint8_t*>(&number), sizeof number));
  return number;
}

// Damaged ones are nobody's (RFC 768; RFC 8200 8.1: over IPv6 the checksum must be there).
bool is_intact(pbuf* p, [[maybe_unused]] const netif& in) {
  if (p->len < UDP_HLEN) return false;
  const auto* const header = static_cast<const udp_hdr*>(p->payload);
  const std::uint16_t length = ntohs(header->len);
  if (length < UDP_HLEN || length > p->tot_len) return false;
  pbuf_realloc(p, length);
  if (header->chksum == 0) return !ip_current_is_v6();
  IF__NETIF_CHECKSUM_ENABLED(&in, NETIF_CHECKSUM_CHECK_UDP) {
    return ip_chksum_pseudo(p, IP_PROTO_UDP, p->tot_len, ip_current_src_addr(),
                            ip_current_dest_addr()) == 0;
  }
  return true;
}

}  // namespace

Udp::Udp(const Interfaces& interfaces) : interfaces_(interfaces), ports_(random_number) {}

std::errc Udp::send(std::uint16_t from_port, const Endpoint& to, const PacketWay& way,
                    ByteView payload) {
  const std::size_t headers = UDP_HLEN + (to.ip.is_v6() ? IP6_HLEN : IP_HLEN);
  if (payload.size() + headers > kLargestPacket) return std::errc::message_size;
  if (way.loops) loop(from_port, to, way, payload);
  if (way.stays_here) return {};
  const PbufHandle packet = PbufHandle::copy_of(payload);
  pbuf* const p = packet.get();
  if (p == nullptr || pbuf_add_header(p, UDP_HLEN) != 0) return std::errc::no_buffer_space;
  udp_hdr header{htons(from_port), htons(to.port), htons(p->tot_len), 0};
  std::memcpy(p->payload, &header, sizeof header);
  std::array<std::uint8_t, 32> addresses;
  const ByteView source = way.source.bytes(), destination = to.ip.bytes();
  std::copy(source.begin(), source.end(), addresses.begin());
  std::copy(destination.begin(), destination.end(), addresses.begin() + source.size());
  const auto sum = static_cast<std::uint16_t>(
      ~internet_sum(ByteView(addresses).first(source.size() + destination.size()), IP_PROTO_UDP,
                    ByteView(static_cast<const std::uint8_t*>(p->payload), p->tot_len)));
  // Zero would mean that there is none.
  header.chksum = sum == 0 ? 0xffff : sum;
  std::memcpy(p->payload, &header, sizeof header);
  const unsigned mtu = path_mtus_.find(to.ip, kLargestPacket, glue.now);
  return send_packet(interfaces_, IP_PROTO_UDP, to.ip, way, mtu, packet);
}

void Udp::loop(std::uint16_t from_port, const Endpoint& to, const PacketWay& way,
               ByteView payload) {
  Datagram datagram;
  datagram.from = {way.source, from_port};
  datagram.to = {to.ip, to.port};
  datagram.interface = way.interface;
  datagram.hop_limit = way.hop_limit;
  datagram.traffic_class = way.traffic_class;
  datagram.payload = PbufHandle::copy_of(payload);
  if (datagram.payload) deliver(datagram, true);
}

void Udp::input(pbuf* p, const netif& in) {
  const PbufHandle packet(p);
  if (!is_intact(p, in)) return;
  udp_hdr header;
  std::memcpy(&header, p->payload, sizeof header);
  Datagram datagram;
  datagram.from = {from_lwip(*ip_current_src_addr()), ntohs(header.src)};
  datagram.to = {from_lwip(*ip_current_dest_addr()), ntohs(header.dest)};
  datagram.interface = static_cast<const Interface*>(in.state)->id();
  if (ip_current_is_v6()) {
    datagram.hop_limit = IP6H_HOPLIM(ip6_current_header());
    datagram.traffic_class = static_cast<std::uint8_t>(IP6H_TC(ip6_current_header()));
  } else {
    datagram.hop_limit = IPH_TTL(ip4_current_header());
    datagram.traffic_class = IPH_TOS(ip4_current_header());
  }
  const bool is_group = ip_addr_ismulticast(ip_current_dest_addr()) ||
                        ip_addr_isbroadcast(ip_current_dest_addr(), ip_current_netif());
  // lwIP takes in what is for any of our netifs; broadcasts of another network are not for this.
  if (is_group && ip_current_netif()->state != in.state) return;
  const bool is_private = !is_group && (p->flags & (PBUF_FLAG_LLBCAST | PBUF_FLAG_LLMCAST)) == 0;
  pbuf_remove_header(p, UDP_HLEN);
  datagram.payload = packet;
  if (deliver(datagram, is_group) || !is_private) return;
  // A packet of our own that went round: its sender is told without a packet that could say so.
  if (interfaces_.owner_of(datagram.from.ip) != nullptr) return refuse_own(datagram);
  if (!unreachables_.take(glue.now)) return;
  datagram.payload = {};
  pbuf_header_force(p, static_cast<s16_t>(ip_current_header_tot_len() + UDP_HLEN));
  icmp_port_unreach(ip_current_is_v6(), p);
}

void Udp::refuse_own(const Datagram& datagram) {
  IcmpError error;
  error.error = std::errc::connection_refused;
  error.protocol = IP_PROTO_UDP;
  error.local = datagram.from;
  error.remote = datagram.to;
  error.is_hard = true;
  error.from = datagram.to.ip;
  error.type = datagram.to.ip.is_v6() ? static_cast<std::uint8_t>(ICMP6_TYPE_DUR)
                                      : static_cast<std::uint8_t>(ICMP_DUR);
  error.code = datagram.to.ip.is_v6() ? static_cast<std::uint8_t>(ICMP6_DUR_PORT)
                                      : static_cast<std::uint8_t>(ICMP_DUR_PORT);
  // As much of it as an ICMP error brings back.
  error.quoted.resize(std::min(datagram.payload.size(), kMostQuoted));
  datagram.payload.copy_to(error.quoted);
  on_icmp_error(error, datagram.interface);
}

bool Udp::deliver(const Datagram& datagram, bool is_group) {
  const DatagramNames names{datagram.from, datagram.to, datagram.interface};
  if (!is_group) {
    DatagramReceiver* const receiver = ports_.find(names);
    if (receiver != nullptr) receiver->on_datagram(datagram);
    return receiver != nullptr;
  }
  const auto receivers = ports_.find_all(names);
  for (DatagramReceiver* const receiver : receivers) receiver->on_datagram(datagram);
  return !receivers.empty();
}

bool Udp::on_icmp_error(const IcmpError& error, InterfaceId interface) {
  DatagramReceiver* const sender = ports_.find({error.remote, error.local, interface});
  if (sender == nullptr) return false;
  if (error.mtu != 0) path_mtus_.note(error.remote.ip, error.mtu, glue.now);
  sender->on_icmp_error(error);
  return true;
}

}  // namespace ztshim::stack

// ---- lwIP calls these of its own UDP, which is not built.
extern "C" {

void udp_init(void) {}

void udp_netif_ip_addr_changed(const ip_addr_t*, const ip_addr_t*) {}

void udp_input(pbuf* p, netif* in) {
  using ztshim::stack::glue;
  if (glue.udp == nullptr || in->state == nullptr) {
    pbuf_free(p);
    return;
  }
  glue.udp->input(p, *in);
}

}  // extern "C"
