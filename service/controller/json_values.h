// Reading values out of JSON records, leniently: administrators' tools send numbers as strings and
// the like. Never throws. Notes: controller.md 7.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/ip_prefix.h"

namespace ztshim::controller {

using Json = nlohmann::json;

// The value of `key`, or a null value.
const Json& member_of(const Json& object, const char* key);

// Accept a number, a decimal text, a boolean; otherwise the default.
std::int64_t read_int(const Json& value, std::int64_t otherwise);
std::uint64_t read_unsigned(const Json& value, std::uint64_t otherwise);  // negative: the default
// A boolean, a number (> 0), a text that begins with t, T or 1.
bool read_bool(const Json& value, bool otherwise);
// A text, a number, a boolean.
std::string read_text(const Json& value, std::string otherwise);
std::optional<IpAddress> read_ip(const Json& value);
// "ip/bits"; nothing for anything else.
std::optional<IpPrefix> read_prefix(const Json& value);

// An object, or nothing for whatever else the text may be.
std::optional<Json> parse_object(std::string_view text);
// Compact; what is not UTF-8 is replaced rather than refused.
std::string write_text(const Json& value);

}  // namespace ztshim::controller
