#include "service/administration.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace ztshim {
namespace {

using Json = nlohmann::json;
using Outcome = Result<Json, std::string>;

Outcome refuse(std::string reason) { return failure(std::move(reason)); }

std::string text_of(const Json& request, const char* field) {
  const auto found = request.find(field);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json record(const std::optional<std::string>& text) {
  return text ? Json::parse(*text, nullptr, false) : Json(nullptr);
}

class Administration {
 public:
  Administration(controller::Controller& controller, Now now, Outbox& out)
      : controller_(controller), now_(now), out_(out) {}

  Outcome carry_out(const Json& request) {
    const std::string what = text_of(request, "do");
    if (what == "networks") return networks();
    const auto network = NetworkId::parse(text_of(request, "network"));
    if (!network || !controller_.network_json(*network)) {
      return refuse(fmt::format("this controller has no network {}", text_of(request, "network")));
    }
    if (what == "network") return one_network(*network, request);
    if (what == "members") return members(*network);
    const auto member = Address::parse(text_of(request, "address"));
    if (!member || member->is_reserved()) {
      return refuse("a member's address has ten hexadecimal digits");
    }
    if (what == "member") return one_member(*network, *member, request);
    if (what == "forget") {
      if (!controller_.delete_member(now_, *network, *member, out_)) return no_member(*member);
      return Json::object();
    }
    return refuse(fmt::format("unknown request \"{}\"", what));
  }

 private:
  static Outcome no_member(Address member) {
    return refuse(fmt::format("{} has never asked to join", member.text()));
  }

  Outcome networks() const {
    Json list = Json::array();
    for (const NetworkId id : controller_.networks()) list.push_back(id.text());
    return Json{{"networks", std::move(list)}};
  }

  Outcome one_network(NetworkId network, const Json& request) {
    if (const auto set = request.find("set"); set != request.end()) {
      const auto changed = controller_.change_network(now_, network, set->dump(), out_);
      if (!changed) return refuse(changed.error());
    }
    return Json{{"network", record(controller_.network_json(network))}};
  }

  Outcome members(NetworkId network) const {
    Json list = Json::array();
    for (const Address member : controller_.members(network)) {
      list.push_back(record(controller_.member_json(network, member)));
    }
    return Json{{"members", std::move(list)}};
  }

  // Setting may come before the member's first request: it is then admitted at once.
  Outcome one_member(NetworkId network, Address member, const Json& request) {
    if (const auto set = request.find("set"); set != request.end()) {
      const auto changed = controller_.change_member(now_, network, member, set->dump(), out_);
      if (!changed) return refuse(changed.error());
    }
    const auto text = controller_.member_json(network, member);
    if (!text) return no_member(member);
    return Json{{"member", record(text)}};
  }

  controller::Controller& controller_;
  Now now_;
  Outbox& out_;
};

}  // namespace

std::string administer(Node& node, Now now, std::string_view request, Outbox& out) {
  Outcome outcome = refuse("not a request");
  const Json parsed = Json::parse(request.begin(), request.end(), nullptr, false);
  if (node.controller() == nullptr) {
    outcome = refuse("this node is no controller: start it with `ztshim controller`");
  } else if (parsed.is_object()) {
    // Strings of a request may be no UTF-8, which dump() answers with an exception.
    try {
      outcome = Administration(*node.controller(), now, out).carry_out(parsed);
    } catch (const Json::exception& e) {
      outcome = refuse(e.what());
    }
  }
  const Json answer = outcome ? *outcome : Json{{"error", outcome.error()}};
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ztshim
