// The 64-bit name of a network. Notes: vl2 1.1.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "service/crypto/address.h"

namespace ztshim {

class NetworkId {
 public:
  constexpr NetworkId() = default;
  explicit constexpr NetworkId(std::uint64_t number) : number_(number) {}
  // Exactly sixteen hexadecimal digits.
  static std::optional<NetworkId> parse(std::string_view text) {
    if (text.size() != 16) return std::nullopt;
    const auto number = hex_number(text);
    return number ? std::optional(NetworkId(*number)) : std::nullopt;
  }

  constexpr std::uint64_t number() const { return number_; }
  constexpr Address controller() const { return Address(number_ >> 24); }
  constexpr bool is_ad_hoc() const { return number_ >> 56 == 0xff; }
  explicit constexpr operator bool() const { return number_ != 0; }
  std::string text() const { return to_hex(number_, 16); }
  constexpr auto operator<=>(const NetworkId&) const = default;

 private:
  std::uint64_t number_ = 0;
};

}  // namespace ztshim

template <>
struct std::hash<ztshim::NetworkId> {
  std::size_t operator()(const ztshim::NetworkId& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.number() * 0x9e3779b97f4a7c15ULL);
  }
};
