// Names that the rules language has for numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ztshim::controller {

std::optional<std::uint16_t> ether_type_named(std::string_view name);
std::optional<std::uint8_t> ip_protocol_named(std::string_view name);
// A bit of MATCH_CHARACTERISTICS (vl2 7.3).
std::optional<std::uint64_t> characteristic_named(std::string_view name);

}  // namespace ztshim::controller
