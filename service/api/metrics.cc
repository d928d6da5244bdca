#include "service/api/metrics.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace ztshim::api {
namespace {

using Json = nlohmann::json;

// "datagramsIn" -> "datagrams_in": the names Prometheus' users expect.
std::string snake(const std::string& camel) {
  std::string text;
  for (const char c : camel) {
    if (c >= 'A' && c <= 'Z') {
      text += '_';
      text += static_cast<char>(c - 'A' + 'a');
    } else {
      text += c;
    }
  }
  return text;
}

void add_numbers(std::string& text, const std::string& prefix, const Json& group) {
  for (const auto& [key, value] : group.items()) {
    if (value.is_object()) add_numbers(text, prefix + "_" + snake(key), value);
    if (!value.is_number()) continue;
    const std::string name = prefix + "_" + snake(key);
    text += fmt::format("# TYPE {} untyped\n{} {}\n", name, name, value.dump());
  }
}

}  // namespace

Response metrics(const std::string& status) {
  const Json json = Json::parse(status, nullptr, false);
  if (!json.is_object()) return Response::bare(503);
  std::string text = fmt::format("# TYPE ztshim_online gauge\nztshim_online {}\n",
                                 json.value("online", false) ? 1 : 0);
  for (const auto& [key, value] : json.items()) {
    if (value.is_object() && key != "config") add_numbers(text, "ztshim_" + snake(key), value);
  }
  return {200, std::move(text), "text/plain"};
}

}  // namespace ztshim::api
