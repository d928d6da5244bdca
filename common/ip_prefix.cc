#include "common/ip_prefix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

namespace ztshim {
namespace {

// The address of `family` whose first `bits` bits come from `source` and whose others are zero.
IpAddress keep_bits(ByteView source, bool is_v4, unsigned bits) {
  std::array<std::uint8_t, 16> kept{};
  for (std::size_t i = 0; i < source.size(); ++i) {
    const unsigned here =
        bits > 8 * i ? std::min<unsigned>(8, bits - static_cast<unsigned>(8 * i)) : 0;
    kept[i] = static_cast<std::uint8_t>(source[i] & (0xff00U >> here));
  }
  return is_v4 ? IpAddress::v4(ByteView(kept).first(4)) : IpAddress::v6(kept);
}

}  // namespace

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto ip = IpAddress::parse(text.substr(0, slash));
  const std::string_view number = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), bits);
  if (!ip || error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  if (bits > ip->bit_count()) return std::nullopt;
  return IpPrefix{*ip, bits};
}

unsigned common_prefix_bits(const IpAddress& a, const IpAddress& b) {
  if (a.family() != b.family()) return 0;
  unsigned bits = 0;
  for (std::size_t i = 0; i < a.bytes().size(); ++i) {
    const auto difference = static_cast<std::uint8_t>(a.bytes()[i] ^ b.bytes()[i]);
    bits += static_cast<unsigned>(std::countl_zero(difference));
    if (difference != 0) break;
  }
  return bits;
}

bool IpPrefix::contains(const IpAddress& other) const {
  return ip && ip.family() == other.family() && common_prefix_bits(ip, other) >= bits;
}

IpAddress IpPrefix::network() const { return ip ? keep_bits(ip.bytes(), ip.is_v4(), bits) : ip; }

IpAddress IpPrefix::netmask() const {
  std::array<std::uint8_t, 16> ones{};
  ones.fill(0xff);
  return ip ? keep_bits(ByteView(ones).first(ip.bytes().size()), ip.is_v4(), bits) : ip;
}

IpAddress IpPrefix::broadcast() const {
  if (!ip.is_v4() || bits >= 31) return {};
  return IpAddress::v4(ip.v4_number() | ~netmask().v4_number());
}

std::string IpPrefix::text() const { return ip.text() + '/' + std::to_string(bits); }

}  // namespace ztshim
