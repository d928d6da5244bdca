#include "service/vl2/neighbours.h"

#include <algorithm>
#include <optional>

#include "common/writer.h"
#include "service/wire/managed_ip.h"

namespace ztshim::vl2 {

namespace {

constexpr unsigned kSixPlaneBits = 40;
constexpr unsigned kRfc4193Bits = 88;

// The member that `target` names by the plan of our own address `ours`; none when it names nobody.
std::optional<Address> embedded(NetworkId network, const IpPrefix& ours, const IpAddress& target) {
  if (ours.bits == kRfc4193Bits && member_of_rfc4193(network, ours.ip)) {
    if (const auto member = member_of_rfc4193(network, target)) return member;
  }
  if (ours.bits == kSixPlaneBits && member_of_six_plane(network, ours.ip)) {
    return member_of_six_plane(network, target);
  }
  return std::nullopt;
}

// Over the IPv6 pseudo header and an ICMPv6 message whose checksum field is zero.
std::uint16_t icmpv6_checksum(ByteView packet) {
  std::uint32_t sum = static_cast<std::uint32_t>(packet.size() - 40) + kProtocolIcmpv6;
  for (std::size_t i = 8; i + 1 < packet.size(); i += 2) sum += be16_at(packet, i);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xffff);
}

}  // namespace

bool emulate_neighbour(const NetworkConfig& config, Address own, const EthernetFrame& frame,
                       EmulatedAdvertisement& answer) {
  const ByteView p = frame.payload;
  if (!config.has_ndp_emulation() || !frame.destination.is_multicast() ||
      frame.destination.is_broadcast() || frame.ether_type != kEtherIpv6 || p.size() < 64 ||
      p[6] != kProtocolIcmpv6 || p[40] != kNeighborSolicitation) {
    return false;
  }
  const IpAddress target = IpAddress::v6(p.subspan(48, 16));
  for (const IpPrefix& ours : config.managed_addresses) {
    const auto member = embedded(config.network, ours, target);
    if (!member || member->is_reserved() || *member == own) continue;

    const MacAddress mac = MacAddress::of_member(*member, config.network);
    Bytes bytes;
    Writer out(bytes);
    out.be(std::uint32_t{0x60000000}).be(std::uint16_t{32});
    out.be(kProtocolIcmpv6).be(std::uint8_t{255});
    out.bytes(target.bytes()).bytes(ours.ip.bytes());
    out.be(kNeighborAdvertisement).be(std::uint8_t{0}).be(std::uint16_t{0});
    out.be(std::uint32_t{0x60000000}).bytes(target.bytes());  // solicited, override
    out.be(std::uint16_t{0x0201});                            // option: target link-layer address
    mac.write(out);
    const std::uint16_t checksum = icmpv6_checksum(bytes);
    bytes[42] = static_cast<std::uint8_t>(checksum >> 8);
    bytes[43] = static_cast<std::uint8_t>(checksum & 0xff);
    std::copy(bytes.begin(), bytes.end(), answer.packet.begin());
    answer.frame = {frame.source, mac, kEtherIpv6, answer.packet};
    return true;
  }
  return false;
}

}  // namespace ztshim::vl2
