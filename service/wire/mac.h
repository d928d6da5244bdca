// Ethernet addresses, how a member's follows from its node address, and multicast groups.
// Notes: vl2 1.2, 1.5.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/endpoint.h"
#include "common/reader.h"
#include "common/writer.h"
#include "service/crypto/address.h"
#include "service/wire/network_id.h"

namespace ztshim {

class MacAddress {
 public:
  static constexpr std::size_t kSize = 6;

  constexpr MacAddress() = default;
  // The 48 lowest bits, first octet most significant.
  explicit constexpr MacAddress(std::uint64_t number) : number_(number & 0xffffffffffffULL) {}
  static constexpr MacAddress broadcast() { return MacAddress(0xffffffffffffULL); }
  // The address of a member's virtual interface.
  static constexpr MacAddress of_member(Address member, NetworkId network) {
    const std::uint64_t id = network.number();
    const std::uint64_t mixed =
        member.number() ^ ((id >> 8 & 0xff) << 32 | (id >> 16 & 0xff) << 24 |
                           (id >> 24 & 0xff) << 16 | (id >> 32 & 0xff) << 8 | (id >> 40 & 0xff));
    return MacAddress(static_cast<std::uint64_t>(first_octet(network)) << 40 | mixed);
  }
  static MacAddress read(Reader& in) { return MacAddress(in.be_bytes(kSize)); }
  static std::optional<MacAddress> parse(std::string_view text);  // "02:89:e9:30:0c:27"

  // The first octet of every member of `network`; 0x52 is avoided.
  static constexpr std::uint8_t first_octet(NetworkId network) {
    const auto octet = static_cast<std::uint8_t>((network.number() & 0xfe) | 0x02);
    return octet == 0x52 ? 0x32 : octet;
  }
  // Which member of `network` has this MAC; meaningful only if is_member_of(network).
  constexpr Address member_of(NetworkId network) const {
    return Address(of_member(Address(number_ & 0xffffffffffULL), network).number_);
  }
  constexpr bool is_member_of(NetworkId network) const {
    return number_ >> 40 == first_octet(network);
  }

  void write(Writer& out) const { out.be_bytes(number_, kSize); }
  constexpr std::uint64_t number() const { return number_; }
  constexpr bool is_multicast() const { return (number_ >> 40 & 1) != 0; }
  constexpr bool is_broadcast() const { return *this == broadcast(); }
  explicit constexpr operator bool() const { return number_ != 0; }
  std::string text() const;
  constexpr auto operator<=>(const MacAddress&) const = default;

 private:
  std::uint64_t number_ = 0;
};

// A multicast MAC and additional distinguishing information (0 but for IPv4 ARP).
struct MulticastGroup {
  MacAddress mac;
  std::uint32_t adi = 0;

  // The group in which whoever has this address listens for ARP or neighbour solicitations.
  static MulticastGroup for_resolving(const IpAddress& ip);
  static constexpr MulticastGroup plain_broadcast() { return {MacAddress::broadcast(), 0}; }
  static MulticastGroup read(Reader& in) {
    MulticastGroup group;
    group.mac = MacAddress::read(in);
    group.adi = in.be<std::uint32_t>();
    return group;
  }
  void write(Writer& out) const {
    mac.write(out);
    out.be(adi);
  }
  constexpr auto operator<=>(const MulticastGroup&) const = default;
};

}  // namespace ztshim
