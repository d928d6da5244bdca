#include "service/stack/echo.h"

#include <cstring>

#include "common/reader.h"
#include "lwip/ip.h"
#include "lwip/prot/icmp.h"
#include "lwip/prot/icmp6.h"
#include "lwip/raw.h"
#include "service/stack/internet_checksum.h"
#include "service/stack/lwip_error.h"
#include "service/stack/lwip_glue.h"

namespace ztshim::stack {

// Every ICMP packet passes here on its way to lwIP, reassembled, and goes on.
struct EchoTrampoline {
  static u8_t received(void* arg, raw_pcb*, pbuf* p, const ip_addr_t* from) {
    const Bytes packet = [&] {
      Bytes whole(p->tot_len);
      pbuf_copy_partial(p, whole.data(), p->tot_len, 0);
      return whole;
    }();
    static_cast<Echo*>(arg)->on_packet(packet, IP_IS_V6(from));
    return 0;
  }
};

namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kLargest = 65'507;  // an IPv4 packet's most

raw_pcb* listen(u8_t type, u8_t protocol, Echo* echo) {
  raw_pcb* const pcb = raw_new_ip_type(type, protocol);
  if (pcb != nullptr) raw_recv(pcb, EchoTrampoline::received, echo);
  return pcb;
}

}  // namespace

Echo::Echo()
    : v4_(listen(IPADDR_TYPE_V4, IP_PROTO_ICMP, this)),
      v6_(listen(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6, this)) {}

Echo::~Echo() {
  if (v4_ != nullptr) raw_remove(v4_);
  if (v6_ != nullptr) raw_remove(v6_);
}

std::errc Echo::send(netif& out, const IpAddress& source, const EchoRequest& request) {
  const bool is_v6 = request.to.is_v6();
  raw_pcb* const pcb = is_v6 ? v6_ : v4_;
  if (pcb == nullptr) return std::errc::no_buffer_space;
  const std::size_t size = kHeader + request.payload.size();
  if (size > kLargest) return std::errc::message_size;
  Bytes message(size);
  message[0] = static_cast<std::uint8_t>(is_v6 ? ICMP6_TYPE_EREQ : ICMP_ECHO);
  message[4] = static_cast<std::uint8_t>(request.identifier >> 8);
  message[5] = static_cast<std::uint8_t>(request.identifier);
  message[6] = static_cast<std::uint8_t>(request.sequence >> 8);
  message[7] = static_cast<std::uint8_t>(request.sequence);
  if (!request.payload.empty())
    std::memcpy(message.data() + kHeader, request.payload.data(), request.payload.size());
  Bytes addresses = to_bytes(source.bytes());
  append(addresses, request.to.bytes());
  const auto sum = static_cast<std::uint16_t>(
      ~(is_v6 ? internet_sum(addresses, IP6_NEXTH_ICMP6, message) : internet_sum(message)));
  std::memcpy(message.data() + 2, &sum, sizeof sum);
  pbuf* const p = pbuf_alloc(PBUF_IP, static_cast<u16_t>(size), PBUF_RAM);
  if (p == nullptr) return std::errc::no_buffer_space;
  std::memcpy(p->payload, message.data(), size);
  ip_addr_t to = to_lwip(request.to), from = to_lwip(source);
  if (is_v6) {
    ip6_addr_assign_zone(ip_2_ip6(&to), IP6_UNKNOWN, &out);
    ip6_addr_assign_zone(ip_2_ip6(&from), IP6_UNICAST, &out);
  }
  const err_t error = raw_sendto_if_src(pcb, p, &to, &out, &from);
  pbuf_free(p);
  return errno_of(error, Phase::Connecting);
}

void Echo::on_packet(ByteView packet, bool is_v6) {
  const std::size_t header = is_v6 ? ip_current_header_tot_len() : (packet[0] & 0x0fU) * 4;
  if (!listener_ || packet.size() < header + kHeader) return;
  const ByteView icmp = packet.subspan(header);
  if (icmp[0] != (is_v6 ? ICMP6_TYPE_EREP : ICMP_ER)) return;
  const std::uint16_t sum =
      is_v6 ? internet_sum(packet.subspan(8, 32), IP6_NEXTH_ICMP6, icmp) : internet_sum(icmp);
  if (sum != 0xffff) return;
  Reader in(icmp.subspan(4));
  EchoReply reply;
  reply.from = from_lwip(*ip_current_src_addr());
  reply.identifier = in.be<std::uint16_t>();
  reply.sequence = in.be<std::uint16_t>();
  reply.size = icmp.size() - kHeader;
  reply.hops = packet[is_v6 ? 7 : 8];
  listener_(reply);
}

void Echo::on_error(const IcmpError& error) {
  if (!listener_ || error.error == std::errc{}) return;
  EchoReply reply;
  reply.from = error.remote.ip;
  reply.identifier = error.local.port;
  reply.error = error.error;
  listener_(reply);
}

}  // namespace ztshim::stack
