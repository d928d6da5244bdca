#include "service/stack/icmp.h"

#include <algorithm>
#include <cstring>

#include "lwip/ip.h"
#include "lwip/prot/icmp.h"
#include "lwip/prot/icmp6.h"
#include "lwip/raw.h"
#include "service/stack/internet_checksum.h"
#include "service/stack/ip_output.h"
#include "service/stack/lwip_glue.h"
#include "service/stack/netif.h"

namespace ztshim::stack {

// Every ICMP packet passes here on its way to lwIP, reassembled, and goes on.
struct IcmpTrampoline {
  static u8_t received(void* arg, raw_pcb*, pbuf* p, const ip_addr_t* from) {
    Bytes packet(p->tot_len);
    pbuf_copy_partial(p, packet.data(), p->tot_len, 0);
    static_cast<Icmp*>(arg)->on_packet(packet, IP_IS_V6(from));
    return 0;
  }
};

namespace {

// What lwIP can count, the network's header included.
constexpr std::size_t kLargestPacket = 0xffff;

raw_pcb* listen(u8_t type, u8_t protocol, Icmp* icmp) {
  raw_pcb* const pcb = raw_new_ip_type(type, protocol);
  if (pcb != nullptr) raw_recv(pcb, IcmpTrampoline::received, icmp);
  return pcb;
}

std::uint32_t random_number() {
  std::uint32_t number = 0;
  glue.random(MutableBytes(reinterpret_cast<std::uint8_t*>(&number), sizeof number));
  return number;
}

}  // namespace

Icmp::Icmp(const Interfaces& interfaces)
    : interfaces_(interfaces),
      echo_(*this),
      identifiers_(random_number),
      v4_(listen(IPADDR_TYPE_V4, IP_PROTO_ICMP, this)),
      v6_(listen(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6, this)) {}

Icmp::~Icmp() {
  if (v4_ != nullptr) raw_remove(v4_);
  if (v6_ != nullptr) raw_remove(v6_);
}

void Icmp::enter_raw(DatagramReceiver& receiver, const Claim& claim) {
  leave_raw(receiver);
  raw_.push_back({&receiver, claim});
}

void Icmp::leave_raw(DatagramReceiver& receiver) {
  std::erase_if(raw_, [&](const Raw& raw) { return raw.receiver == &receiver; });
}

std::errc Icmp::send(const IpAddress& to, const PacketWay& way, ByteView message,
                     Checksum checksum) {
  const bool is_v6 = to.is_v6();
  const std::uint8_t protocol = is_v6 ? IP6_NEXTH_ICMP6 : IP_PROTO_ICMP;
  if (message.size() + (is_v6 ? IP6_HLEN : IP_HLEN) > kLargestPacket)
    return std::errc::message_size;
  const PbufHandle packet = PbufHandle::copy_of(message);
  if (!packet) return std::errc::no_buffer_space;
  if (checksum == Checksum::Make && message.size() >= 4) {
    auto* const bytes = static_cast<std::uint8_t*>(packet.get()->payload);
    std::memset(bytes + 2, 0, 2);
    const ByteView whole(bytes, message.size());
    Bytes addresses = to_bytes(way.source.bytes());
    append(addresses, to.bytes());
    const auto sum = static_cast<std::uint16_t>(
        ~(is_v6 ? internet_sum(addresses, protocol, whole) : internet_sum(whole)));
    std::memcpy(bytes + 2, &sum, sizeof sum);
  }
  return send_packet(interfaces_, protocol, to, way, kLargestPacket, packet);
}

void Icmp::on_packet(ByteView packet, bool is_v6) {
  const std::size_t header = is_v6 ? ip_current_header_tot_len() : (packet[0] & 0x0fU) * 4;
  if (packet.size() < header + kHeader) return;
  const ByteView icmp = packet.subspan(header);
  const std::uint16_t sum =
      is_v6 ? internet_sum(packet.subspan(8, 32), IP6_NEXTH_ICMP6, icmp) : internet_sum(icmp);
  if (sum != 0xffff) return;
  Datagram datagram;
  datagram.from.ip = from_lwip(*ip_current_src_addr());
  datagram.to.ip = from_lwip(*ip_current_dest_addr());
  datagram.interface = static_cast<const Interface*>(ip_current_input_netif()->state)->id();
  datagram.hop_limit = packet[is_v6 ? 7 : 8];
  datagram.traffic_class =
      is_v6 ? static_cast<std::uint8_t>(packet[0] << 4 | packet[1] >> 4) : packet[1];
  if (!raw_.empty()) {
    datagram.payload = PbufHandle::copy_of(is_v6 ? icmp : packet);
    if (datagram.payload) deliver_raw(datagram);
  }
  if (icmp[0] != (is_v6 ? ICMP6_TYPE_EREP : ICMP_ER)) return;
  const auto identifier = static_cast<std::uint16_t>(icmp[4] << 8 | icmp[5]);
  echo_.on_answer(datagram.from.ip, icmp, datagram.hop_limit);
  const Endpoint to{datagram.to.ip, identifier};
  DatagramReceiver* const receiver = identifiers_.find({datagram.from, to, datagram.interface});
  if (receiver == nullptr) return;
  datagram.payload = PbufHandle::copy_of(icmp);
  if (datagram.payload) receiver->on_datagram(datagram);
}

void Icmp::deliver_raw(const Datagram& datagram) {
  for (const Raw& raw : raw_) {
    const Claim& claim = raw.claim;
    const bool is_family = datagram.to.ip.is_v6() ? claim.takes_v6 : claim.takes_v4;
    if (!is_family || (claim.local && claim.local != datagram.to.ip) ||
        (claim.peer && claim.peer.ip != datagram.from.ip) ||
        (claim.interface && *claim.interface != datagram.interface)) {
      continue;
    }
    raw.receiver->on_datagram(datagram);
  }
}

bool Icmp::on_icmp_error(const IcmpError& error, InterfaceId interface) {
  echo_.on_error(error);
  DatagramReceiver* const sender =
      identifiers_.find({{error.remote.ip, 0}, error.local, interface});
  if (sender != nullptr) sender->on_icmp_error(error);
  return sender != nullptr || echo_.is_listening();
}

}  // namespace ztshim::stack
