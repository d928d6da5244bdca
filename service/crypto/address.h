// The 40-bit name of a node. Notes: vl1-crypto 2.1.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/reader.h"
#include "common/writer.h"

namespace ztshim {

class Address {
 public:
  static constexpr std::size_t kSize = 5;  // bytes on the wire

  constexpr Address() = default;
  explicit constexpr Address(std::uint64_t number) : number_(number & 0xffffffffffULL) {}
  static Address read(Reader& in) { return Address(in.be_bytes(kSize)); }
  void write(Writer& out) const { out.be_bytes(number_, kSize); }
  // Exactly ten hexadecimal digits.
  static std::optional<Address> parse(std::string_view text) {
    if (text.size() != 10) return std::nullopt;
    const auto number = hex_number(text);
    return number ? std::optional(Address(*number)) : std::nullopt;
  }

  constexpr std::uint64_t number() const { return number_; }
  // Zero, or a first byte of 0xff (which marks fragments): never a node's.
  constexpr bool is_reserved() const { return number_ == 0 || number_ >> 32 == 0xff; }
  explicit constexpr operator bool() const { return number_ != 0; }
  std::string text() const { return to_hex(number_, 10); }
  constexpr auto operator<=>(const Address&) const = default;

 private:
  std::uint64_t number_ = 0;
};

}  // namespace ztshim

template <>
struct std::hash<ztshim::Address> {
  std::size_t operator()(const ztshim::Address& a) const noexcept {
    return std::hash<std::uint64_t>{}(a.number() * 0x9e3779b97f4a7c15ULL);
  }
};
