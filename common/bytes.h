// Byte ranges and their hexadecimal form. Deliberately without any knowledge of what the bytes
// mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ztshim {

using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) { return Bytes(view.begin(), view.end()); }
inline void append(Bytes& to, ByteView more) { to.insert(to.end(), more.begin(), more.end()); }

// Lower-case hexadecimal, two digits a byte.
std::string to_hex(ByteView bytes);
// The `digits` lowest hexadecimal digits of `value`, lower case, zero padded.
std::string to_hex(std::uint64_t value, int digits);
// Bytes of a hexadecimal text of even length (either case), or nothing when it is anything else.
std::optional<Bytes> from_hex(std::string_view text);
// A number of 1..16 hexadecimal digits and nothing else.
std::optional<std::uint64_t> hex_number(std::string_view text);

// True when both ranges hold the same bytes; takes the same time wherever they differ.
bool equal_constant_time(ByteView a, ByteView b);

}  // namespace ztshim
