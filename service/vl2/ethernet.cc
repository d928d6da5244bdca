#include "service/vl2/ethernet.h"

namespace ztshim::vl2 {

namespace {
// Extension headers that say how long they are in the usual way.
constexpr bool is_extension(std::uint8_t protocol) {
  return protocol == 0 || protocol == 43 || protocol == 60 || protocol == 135;
}
}  // namespace

IpContent ipv4_content(ByteView packet) {
  return {packet[9], static_cast<std::size_t>(packet[0] & 0x0f) * 4};
}

std::optional<IpContent> ipv6_content(ByteView packet) {
  if (packet.size() < 40) return std::nullopt;
  IpContent content{packet[6], 40};
  while (is_extension(content.protocol)) {
    if (content.offset + 8 > packet.size()) return std::nullopt;
    content.protocol = packet[content.offset];
    content.offset += static_cast<std::size_t>(packet[content.offset + 1]) * 8 + 8;
    if (content.offset > packet.size()) return std::nullopt;
  }
  return content;
}

std::uint16_t be16_at(ByteView bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}

std::optional<MulticastGroup> arp_request_group(const EthernetFrame& frame) {
  const ByteView p = frame.payload;
  if (frame.ether_type != kEtherArp || p.size() < 28) return std::nullopt;
  if (be16_at(p, 2) != kEtherIpv4 || p[4] != 6 || p[5] != 4 || p[7] != 1) return std::nullopt;
  return MulticastGroup{MacAddress::broadcast(),
                        static_cast<std::uint32_t>(be16_at(p, 24)) << 16 | be16_at(p, 26)};
}

}  // namespace ztshim::vl2
