// A view of an Ethernet frame and the few questions rules and neighbour discovery ask of its
// payload. Bounds-checked throughout: the payload is a stranger's. Notes: vl2 7.3.
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "service/wire/mac.h"

namespace ztshim::vl2 {

inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherArp = 0x0806;
inline constexpr std::uint16_t kEtherIpv6 = 0x86dd;

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;
inline constexpr std::uint8_t kProtocolSctp = 132;
inline constexpr std::uint8_t kProtocolUdpLite = 136;

inline constexpr std::uint8_t kNeighborSolicitation = 0x87;
inline constexpr std::uint8_t kNeighborAdvertisement = 0x88;

struct EthernetFrame {
  MacAddress destination;
  MacAddress source;
  std::uint16_t ether_type = 0;
  ByteView payload;  // behind the Ethernet header

  bool is_ipv4() const { return ether_type == kEtherIpv4 && payload.size() >= 20; }
  bool is_ipv6() const { return ether_type == kEtherIpv6 && payload.size() >= 40; }
};

// The protocol above IP and where it begins in the payload.
struct IpContent {
  std::uint8_t protocol = 0;
  std::size_t offset = 0;
};
// The header length is taken from the packet and may lie beyond its end.
IpContent ipv4_content(ByteView packet);  // at least 20 bytes
// Behind the extension headers that may be walked; nothing when they run past the end.
std::optional<IpContent> ipv6_content(ByteView packet);

std::uint16_t be16_at(ByteView bytes, std::size_t offset);  // the caller has checked the bounds

// The group in which an ARP request looks for its target; nothing for any other frame (vl2 8.4).
std::optional<MulticastGroup> arp_request_group(const EthernetFrame& frame);

}  // namespace ztshim::vl2
