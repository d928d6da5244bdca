// Why bytes from the wire could not become a value. Whoever gets one counts it and drops the
// packet.
#pragma once

#include <cstdint>
#include <string_view>

namespace ztshim {

enum class ParseError : std::uint8_t {
  // A field would end behind the last byte, or nothing behind it can be found because it is of an
  // unknown form: an address or identity of unknown type, a signature that is none.
  Truncated,
  BadValue,  // a field says what the protocol forbids
  TooMany,   // a list is longer than the protocol allows
};

constexpr std::string_view name_of(ParseError error) {
  switch (error) {
    case ParseError::Truncated:
      return "truncated";
    case ParseError::BadValue:
      return "bad value";
    case ParseError::TooMany:
      return "too many entries";
  }
  return "unknown";
}

}  // namespace ztshim
