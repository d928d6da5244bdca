#include "service/wire/mac.h"

namespace ztshim {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  constexpr std::size_t kTextSize = kSize * 3 - 1;
  if (text.size() != kTextSize) return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    if (i > 0 && text[i - 1] != ':') return std::nullopt;
    const auto octet = hex_number(text.substr(i, 2));
    if (!octet) return std::nullopt;
    number = number << 8 | *octet;
  }
  return MacAddress(number);
}

std::string MacAddress::text() const {
  std::string text;
  for (int shift = 40; shift >= 0; shift -= 8) {
    if (!text.empty()) text.push_back(':');
    text += to_hex(number_ >> shift & 0xff, 2);
  }
  return text;
}

MulticastGroup MulticastGroup::for_resolving(const IpAddress& ip) {
  if (ip.is_v4()) return {MacAddress::broadcast(), ip.v4_number()};
  if (!ip.is_v6()) return plain_broadcast();
  // The solicited-node group: 33:33:ff and the last three bytes of the address.
  const ByteView bytes = ip.bytes();
  const std::uint64_t low = static_cast<std::uint64_t>(bytes[13]) << 16 |
                            static_cast<std::uint64_t>(bytes[14]) << 8 | bytes[15];
  return {MacAddress(0x3333ff000000ULL | low), 0};
}

}  // namespace ztshim
