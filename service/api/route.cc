#include "service/api/route.h"

#include <nlohmann/json.hpp>

#include "common/bytes.h"

namespace ztshim::api {

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash; a path without one begins with a lost character
    const std::string_view part = path.substr(0, path.find('/'));
    parts.push_back(part);
    path.remove_prefix(part.size());
  }
  return parts;
}

Method method_of(const Request& request) {
  if (request.method == "GET" || request.method == "HEAD") return Method::Get;
  if (request.method == "POST" || request.method == "PUT") return Method::Change;
  if (request.method == "DELETE") return Method::Delete;
  return Method::Other;
}

std::optional<NetworkId> network_in(std::string_view part) {
  if (part.size() != 16) return std::nullopt;
  const auto number = hex_number(part);
  return number ? std::optional(NetworkId(*number)) : std::nullopt;
}

std::optional<Address> address_in(std::string_view part) {
  if (part.size() != 10) return std::nullopt;
  const auto number = hex_number(part);
  return number ? std::optional(Address(*number)) : std::nullopt;
}

Response failed(std::string_view description) {
  const nlohmann::json json{{"error", 500}, {"description", description}};
  return {500, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
          "application/json"};
}

}  // namespace ztshim::api
