// The functions lwIP asks for: time, randomness, checksums, routes.
#include "service/stack/lwip_glue.h"

#include <cstdlib>
#include <cstring>

#include "common/log.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ip4.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "service/stack/lwip_hooks.h"
#include "service/stack/netif.h"
#include "service/stack/pcb.h"

namespace ztshim::stack {

Glue glue;

ip_addr_t to_lwip(const IpAddress& ip) {
  ip_addr_t address = *IP_ANY_TYPE;
  if (ip.is_v4()) {
    IP_SET_TYPE_VAL(address, IPADDR_TYPE_V4);
    ip_2_ip4(&address)->addr = htobe32(ip.v4_number());
  } else if (ip.is_v6()) {
    IP_SET_TYPE_VAL(address, IPADDR_TYPE_V6);
    std::memcpy(ip_2_ip6(&address)->addr, ip.bytes().data(), 16);
    ip6_addr_clear_zone(ip_2_ip6(&address));
  }
  return address;
}

ip4_addr_t to_lwip4(const IpAddress& ip) { return {htobe32(ip.v4_number())}; }

IpAddress from_lwip(const ip4_addr_t& ip) { return IpAddress::v4(be32toh(ip.addr)); }

IpAddress from_lwip(const ip6_addr_t& ip) {
  return IpAddress::v6(ByteView(reinterpret_cast<const std::uint8_t*>(ip.addr), 16));
}

IpAddress from_lwip(const ip_addr_t& ip) {
  if (IP_IS_V4_VAL(ip)) return from_lwip(*ip_2_ip4(&ip));
  if (IP_IS_V6_VAL(ip)) return from_lwip(*ip_2_ip6(&ip));
  return IpAddress::v6(Bytes(16));  // both families' wildcard
}

namespace {

// A mix of address bits that nobody can predict without the secret; the constants are those of a
// common 64-bit finalizer.
std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ value >> 33;
}

std::uint64_t mix_address(std::uint64_t seed, const ip_addr_t& ip) {
  std::uint64_t words[2] = {};
  if (IP_IS_V6_VAL(ip)) {
    std::memcpy(words, ip_2_ip6(&ip)->addr, 16);
  } else {
    words[0] = ip_2_ip4(&ip)->addr;
  }
  return mix(mix(seed ^ words[0]) + words[1]);
}

}  // namespace
}  // namespace ztshim::stack

using namespace ztshim;         // the functions below are lwIP's to call
using namespace ztshim::stack;  // and have its naming

extern "C" {

u32_t sys_now(void) {
  return static_cast<u32_t>(glue.now.time_since_epoch().count() + glue.clock_offset_ms);
}

std::uint32_t ztshim_lwip_random(void) {
  std::uint8_t raw[4] = {};
  if (glue.random) glue.random(raw);
  std::uint32_t value = 0;
  std::memcpy(&value, raw, sizeof value);
  return value;
}

// The Internet checksum's sum (not inverted), host order. Eight bytes at a time: the carries of
// 32-bit words collect in the upper half of a 64-bit sum, which the compiler turns into vector
// additions.
std::uint16_t ztshim_lwip_checksum(const void* data, int length) {
  const auto* at = static_cast<const std::uint8_t*>(data);
  auto left = static_cast<std::size_t>(length);
  std::uint64_t sum = 0;
  for (; left >= 4; at += 4, left -= 4) {
    std::uint32_t word;
    std::memcpy(&word, at, 4);
    sum += word;
  }
  std::uint32_t last = 0;
  std::memcpy(&last, at, left);
  sum += last;
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 16 & 0xffff) + (sum & 0xffff) + (sum >> 32);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<std::uint16_t>(sum);
}

void ztshim_lwip_assertion_failed(const char* message, const char* file, int line) {
  log(LogArea::Stack, LogLevel::Error, "lwIP assertion failed: {} ({}:{})", message, file, line);
  std::abort();
}

// Makes the packet's destination the interface's address for as long as the packet is looked at:
// lwIP takes in nothing else. Answers that need an address of the interface have the right one
// then.
int ztshim_lwip_arrives_on_loopback(const pbuf* p, netif* netif) {
  ip4_addr_t destination;
  std::memcpy(&destination, &static_cast<const ip_hdr*>(p->payload)->dest, sizeof destination);
  ip_addr_copy_from_ip4(netif->ip_addr, destination);
  return 0;  // it goes on its way
}

netif* ztshim_lwip_route4(const ip4_addr_t* source, const ip4_addr_t* destination) {
  if (glue.interfaces == nullptr) return nullptr;
  const bool has_source = source != nullptr && !ip4_addr_isany_val(*source);
  return glue.interfaces->netif_for(has_source ? from_lwip(*source) : IpAddress{},
                                    from_lwip(*destination));
}

netif* ztshim_lwip_route6(const ip6_addr_t* source, const ip6_addr_t* destination) {
  if (glue.interfaces == nullptr) return nullptr;
  const bool has_source = source != nullptr && !ip6_addr_isany(source);
  return glue.interfaces->netif_for(has_source ? from_lwip(*source) : IpAddress{},
                                    from_lwip(*destination));
}

const ip4_addr_t* ztshim_lwip_gateway4(netif* netif, const ip4_addr_t* destination) {
  static ip4_addr_t gateway;  // lwIP reads it before it asks again
  if (glue.interfaces == nullptr) return nullptr;
  const IpAddress next = glue.interfaces->next_hop(*netif, from_lwip(*destination));
  if (!next.is_v4()) return nullptr;
  gateway = to_lwip4(next);
  return &gateway;
}

const ip6_addr_t* ztshim_lwip_gateway6(netif* netif, const ip6_addr_t* destination) {
  static ip6_addr_t gateway;
  if (glue.interfaces == nullptr) return nullptr;
  const IpAddress next = glue.interfaces->next_hop(*netif, from_lwip(*destination));
  if (!next.is_v6()) return nullptr;
  const ip_addr_t address = to_lwip(next);
  gateway = *ip_2_ip6(&address);
  ip6_addr_assign_zone(&gateway, IP6_UNICAST, netif);
  return &gateway;
}

// Is `own` the address of ours to reach `target` with, on the link itself?
u8_t ztshim_lwip_same_link6(const ip6_addr_t* target, const ip6_addr_t* own) {
  const IpAddress to = from_lwip(*target), from = from_lwip(*own);
  if (to.is_link_local() || from.is_link_local()) return to.is_link_local() == from.is_link_local();
  if (glue.interfaces == nullptr) return 0;
  const auto hop = glue.interfaces->route(from, to);
  return hop && hop->next_hop == to && hop->source == from ? 1 : 0;
}

// RFC 6528: a clock plus a keyed function of the connection's four names. Linux' clock, one step in
// 64 ns: what a connection may have sent in TIME_WAIT's minute stays below the next one's number,
// and the machine's own, so that the next process that hosts this node goes on with it.
u32_t ztshim_lwip_sequence_number(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote,
                                  u16_t remote_port) {
  std::uint64_t hash = mix_address(glue.sequence_secret[0], *local);
  hash = mix_address(hash ^ static_cast<std::uint64_t>(local_port) << 16 ^ remote_port, *remote);
  hash = mix(hash ^ glue.sequence_secret[1]);
  constexpr std::int64_t kStepsPerMs = 15'625;
  return static_cast<u32_t>(hash) +
         static_cast<u32_t>(glue.now.time_since_epoch().count() * kStepsPerMs);
}

err_t ztshim_lwip_may_enter(tcp_pcb* pcb, const tcp_hdr* header) {
  const auto flags = TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST);
  if (pcb->state == TIME_WAIT) {
    // A new connection between the same ports. The old one gives way when the new numbers are above
    // its own (RFC 1122 4.2.2.13).
    glue.made_room = flags == TCP_SYN && TCP_SEQ_GT(header->seqno, pcb->rcv_nxt);
    // Whoever wants one and was answered by the old one instead resets that, and asks again: as
    // with Linux, which has no RFC 1337 unless told. lwIP asks again at once, and gives up after a
    // few.
    const bool is_reset = (flags & TCP_RST) != 0 && header->seqno == pcb->rcv_nxt;
    if (!glue.made_room && !is_reset) return ERR_OK;
    tcp_abort(pcb);
    return ERR_ABRT;
  }
  if (flags != TCP_SYN) return ERR_OK;
  auto* const listener = reinterpret_cast<tcp_pcb_listen*>(pcb);
  auto* const events = static_cast<ListenEvents*>(listener->callback_arg);
  return events == nullptr || events->has_room(listener->accepts_pending) ? ERR_OK : ERR_MEM;
}

}  // extern "C"
