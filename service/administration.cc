#include "service/administration.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "service/api/controller_routes.h"

namespace ztshim {
namespace {

using Json = nlohmann::json;

// Clients work one after the other, usually: one body each.
constexpr std::size_t kMaxBodies = 4;

Json refusal(std::string_view sentence) { return {{"error", sentence}}; }

std::string text_of(const Json& request, const char* field) {
  const auto found = request.find(field);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json apply_settings(const Json& request, const Administration::ChangeSettings& change_settings) {
  const auto network = NetworkId::parse(text_of(request, "network"));
  if (!network || !request["settings"].is_array()) return refusal("not a request");
  std::vector<std::string> assignments;
  for (const Json& assignment : request["settings"]) {
    if (!assignment.is_string()) return refusal("not a request");
    assignments.push_back(assignment.get<std::string>());
  }
  const auto changed = change_settings(*network, assignments);
  return changed ? Json::object() : refusal(changed.error());
}

}  // namespace

Json Administration::take_part(const Json& request) {
  const auto bytes = from_hex(text_of(request, "part"));
  const std::string number = text_of(request, "of");
  if (!bytes || number.empty()) return refusal("a part of a request cannot be read");
  if (parts_.size() >= kMaxBodies && !parts_.contains(number)) parts_.erase(parts_.begin());
  std::string& body = parts_[number];
  if (body.size() + bytes->size() > api::kMaxBody) {
    parts_.erase(number);
    return refusal("the request is too long");
  }
  body += as_text(*bytes);
  return Json::object();
}

std::string Administration::serve(Node& node, Now now, const Json& request, Outbox& out) {
  api::Request asked;
  asked.method = text_of(request, "method");
  asked.path = text_of(request, "path");
  if (const auto body = request.find("body"); body != request.end()) asked.body = dump(*body);
  if (const std::string number = text_of(request, "bodyOf"); !number.empty()) {
    const auto found = parts_.find(number);
    if (found == parts_.end()) return dump(refusal("the request's parts are lost: try again"));
    asked.body = std::move(found->second);
    parts_.erase(found);
  }
  if (!api::is_controller_path(asked.path)) return dump(refusal("not a request"));
  const api::Response response = api::handle_controller(node.controller(), now, asked, out);
  return fmt::format(R"({{"status":{},"body":{}}})", response.status,
                     response.body.empty() ? "null" : response.body);
}

std::string Administration::carry_out(Node& node, Now now, std::string_view request,
                                      const ChangeSettings& change_settings, Outbox& out) {
  try {
    const Json parsed = Json::parse(request.begin(), request.end(), nullptr, false);
    if (!parsed.is_object()) return dump(refusal("not a request"));
    if (parsed.contains("settings")) return dump(apply_settings(parsed, change_settings));
    if (node.controller() == nullptr) {
      return dump(refusal("this node is no controller: start it with `ztshim controller`"));
    }
    if (parsed.contains("part")) return dump(take_part(parsed));
    return serve(node, now, parsed, out);
  } catch (const std::exception& e) {  // out of memory, mostly: must not end the service
    return dump(refusal(e.what()));
  }
}

}  // namespace ztshim
