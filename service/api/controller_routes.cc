#include "service/api/controller_routes.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "service/api/route.h"

namespace ztshim::api {
namespace {

using Json = nlohmann::json;
using Parts = std::vector<std::string_view>;

// Six of these after an address: "any free number" (the older form of making a network).
constexpr std::string_view kAnyNumber = "______";

std::string list_of(const std::vector<NetworkId>& networks) {
  std::string text = "[";
  for (const NetworkId id : networks) {
    text += fmt::format("{}\"{}\"", text.size() > 1 ? "," : "", id.text());
  }
  return text + "]";
}

// What a body means to the records: an object as it is, any other JSON value like {} (observed);
// nothing when it is no JSON at all.
std::optional<std::string> changes_in(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json.is_object() ? body : std::string("{}");
}

class Routes {
 public:
  Routes(controller::Controller& controller, Now now, const Request& request, Outbox& out)
      : controller_(controller), now_(now), request_(request), out_(out) {}

  // `parts` after "controller".
  Response handle(const Parts& parts) {
    const Method method = method_of(request_);
    if (parts.empty()) return method == Method::Get ? about() : not_found();
    if (parts[0] != "network") return not_found();
    if (parts.size() == 1) {
      if (method == Method::Get) return Response::json(list_of(controller_.networks()));
      return method == Method::Change ? make_network() : not_found();
    }
    if (parts.size() == 2 && method == Method::Change && parts[1].ends_with(kAnyNumber)) {
      const auto owner = address_in(parts[1].substr(0, parts[1].size() - kAnyNumber.size()));
      if (!owner) return not_found();
      return *owner == controller_.address() ? make_network() : Response::bare(400);
    }
    const auto id = network_in(parts[1]);
    if (!id) return not_found();
    if (parts.size() == 2) return network(method, *id);
    if (parts[2] != "member" || !controller_.has_network(*id)) return not_found();
    if (parts.size() == 3) {
      return method == Method::Get ? Response::json(controller_.member_revisions_json(*id))
                                   : not_found();
    }
    const auto address = address_in(parts[3]);
    if (!address || parts.size() != 4) return not_found();
    return member(method, *id, *address);
  }

  // `parts` after "unstable", "controller".
  Response handle_unstable(const Parts& parts) {
    if (method_of(request_) != Method::Get || parts.empty() || parts[0] != "network") {
      return not_found();
    }
    if (parts.size() == 1) return every_network();
    const auto id = network_in(parts[1]);
    if (!id || parts.size() != 3 || parts[2] != "member" || !controller_.has_network(*id)) {
      return not_found();
    }
    return every_member(*id);
  }

 private:
  Response about() const {
    return Response::json(fmt::format(
        R"({{"controller":true,"apiVersion":4,"clock":{},"databaseReady":true}})", now_.wall_ms));
  }

  Response answer(const Result<std::string, std::string>& record) const {
    return record ? Response::json(*record) : Response{400, error_text(record.error()), kJson};
  }
  static std::string error_text(const std::string& sentence) {
    return Json{{"error", 400}, {"description", sentence}}.dump(-1, ' ', false,
                                                                Json::error_handler_t::replace);
  }
  static Response no_json() { return failed("the body is not JSON"); }

  Response make_network() {
    const auto changes = changes_in(request_.body);
    if (!changes) return no_json();
    const NetworkId id = controller_.unused_network_id();
    if (!id) return Response::bare(503);
    return answer(controller_.change_network(now_, id, *changes, out_));
  }

  Response network(Method method, NetworkId id) {
    if (method == Method::Change) {
      const auto changes = changes_in(request_.body);
      if (!changes) return no_json();
      return answer(controller_.change_network(now_, id, *changes, out_));
    }
    const auto record = controller_.network_json(id);
    if (!record || method == Method::Other) return not_found();
    if (method == Method::Delete) controller_.delete_network(now_, id, out_);
    return Response::json(*record);
  }

  Response member(Method method, NetworkId id, Address address) {
    if (method == Method::Change) {
      const auto changes = changes_in(request_.body);
      if (!changes) return no_json();
      return answer(controller_.change_member(now_, id, address, *changes, out_));
    }
    const auto record = controller_.member_json(id, address);
    if (!record || method == Method::Other) return not_found();
    if (method == Method::Delete) controller_.delete_member(now_, id, address, out_);
    return Response::json(*record);
  }

  Response every_network() const {
    std::vector<std::string> entries;
    for (const NetworkId id : controller_.networks()) {
      std::string entry = network_with_counts(controller_, id);
      if (!entry.empty()) entries.push_back(std::move(entry));
    }
    return Response::json(network_list(entries));
  }

  // Put together as text: the records are text already, and there may be many.
  Response every_member(NetworkId id) const {
    std::string text = R"({"data":[)";
    bool is_first = true;
    for (const Address address : controller_.members(id)) {
      if (!is_first) text += ',';
      is_first = false;
      text += controller_.member_json(id, address).value_or("{}");
    }
    const auto count = controller_.member_count(id);
    text += fmt::format(R"(],"meta":{{"authorizedCount":{},"totalCount":{}}}}})", count.authorized,
                        count.all);
    return Response::json(std::move(text));
  }

  static constexpr const char* kJson = "application/json";
  controller::Controller& controller_;
  Now now_;
  const Request& request_;
  Outbox& out_;
};

}  // namespace

std::string network_list(const std::vector<std::string>& entries) {
  std::string text = R"({"data":[)";
  for (const std::string& entry : entries) {
    if (text.back() != '[') text += ',';
    text += entry;
  }
  return text + fmt::format(R"(],"meta":{{"networkCount":{}}}}})", entries.size());
}

std::string network_with_counts(controller::Controller& controller, NetworkId id) {
  const auto text = controller.network_json(id);
  if (!text) return {};
  Json record = Json::parse(*text, nullptr, false);
  const auto count = controller.member_count(id);
  record["meta"] = {{"authorizedMemberCount", count.authorized}, {"totalMemberCount", count.all}};
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_controller_path(std::string_view path) {
  const Parts parts = parts_of(path);
  if (parts.empty()) return false;
  return parts[0] == "controller" ||
         (parts[0] == "unstable" && parts.size() > 1 && parts[1] == "controller");
}

Response handle_controller(controller::Controller* controller, Now now, const Request& request,
                           Outbox& out) {
  if (controller == nullptr) return not_found();
  Parts parts = parts_of(request.path);
  const bool is_unstable = !parts.empty() && parts[0] == "unstable";
  parts.erase(parts.begin(), parts.begin() + (is_unstable ? 2 : 1));
  Routes routes(*controller, now, request, out);
  return is_unstable ? routes.handle_unstable(parts) : routes.handle(parts);
}

}  // namespace ztshim::api
