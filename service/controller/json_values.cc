#include "service/controller/json_values.h"

#include <charconv>

namespace ztshim::controller {

namespace {
template <typename Number>
std::optional<Number> number_in(const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}
}  // namespace

const Json& member_of(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::int64_t read_int(const Json& value, std::int64_t otherwise) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number > static_cast<std::uint64_t>(INT64_MAX) ? INT64_MAX
                                                          : static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (number >= 9.2e18) return INT64_MAX;
    if (number <= -9.2e18) return INT64_MIN;
    return static_cast<std::int64_t>(number);
  }
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (value.is_string()) {
    return number_in<std::int64_t>(value.get_ref<const std::string&>()).value_or(otherwise);
  }
  return otherwise;
}

std::uint64_t read_unsigned(const Json& value, std::uint64_t otherwise) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_string()) {
    return number_in<std::uint64_t>(value.get_ref<const std::string&>()).value_or(otherwise);
  }
  const std::int64_t number = read_int(value, -1);
  return number < 0 ? otherwise : static_cast<std::uint64_t>(number);
}

bool read_bool(const Json& value, bool otherwise) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return read_int(value, 0) > 0;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return !text.empty() && (text[0] == 't' || text[0] == 'T' || text[0] == '1');
  }
  return otherwise;
}

std::string read_text(const Json& value, std::string otherwise) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  if (value.is_number()) return value.dump();
  return otherwise;
}

std::optional<IpAddress> read_ip(const Json& value) {
  return value.is_string() ? IpAddress::parse(value.get_ref<const std::string&>()) : std::nullopt;
}

std::optional<IpPrefix> read_prefix(const Json& value) {
  return value.is_string() ? IpPrefix::parse(value.get_ref<const std::string&>()) : std::nullopt;
}

std::optional<Json> parse_object(std::string_view text) {
  Json parsed = Json::parse(text, nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  return parsed;
}

std::string write_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ztshim::controller
