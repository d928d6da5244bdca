#include "service/worlds.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "service/host/state_store.h"

namespace ztshim {
namespace {

using Json = nlohmann::json;

Json refusal(std::string_view sentence) { return {{"error", sentence}}; }

std::string text_of(const Json& request, const char* field) {
  const auto found = request.find(field);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json moons(Node& node) {
  Json held = Json::array(), wanted = Json::array();
  for (const World& moon : node.vl1().moons()) {
    Json roots = Json::array();
    for (const WorldRoot& root : moon.roots) {
      Json endpoints = Json::array();
      for (const Endpoint& at : root.endpoints) endpoints.push_back(at.protocol_text());
      roots.push_back({{"identity", root.identity.text()},
                       {"address", root.identity.address().text()},
                       {"stableEndpoints", std::move(endpoints)}});
    }
    held.push_back({{"id", to_hex(moon.id, 16)},
                    {"worldType", "moon"},
                    {"timestamp", moon.timestamp},
                    {"updatesMustBeSignedBy", to_hex(moon.next_signer)},
                    {"signature", to_hex(moon.signature)},
                    {"waiting", false},
                    {"roots", std::move(roots)}});
  }
  for (const auto& [id, seed] : node.vl1().wanted_moons()) {
    wanted.push_back({{"id", to_hex(id, 16)}, {"waiting", true}, {"seed", seed.text()}});
  }
  return {{"moons", std::move(held)}, {"wanted", std::move(wanted)}};
}

Json orbit(Node& node, Now now, const Json& request, Outbox& out) {
  if (const std::string file = text_of(request, "file"); !file.empty()) {
    const auto moon = host::read_world_file(file);
    if (!moon) return refusal(moon.error());
    if (node.vl1().orbit(now, *moon, out)) return Json::object();
    return refusal(fmt::format("{} is no moon, or not newer than the one held", file));
  }
  const auto id = hex_number(text_of(request, "id"));
  const auto seed = Address::parse(text_of(request, "seed"));
  if (!id || *id == 0 || !seed) return refusal("a moon's number and a seed's address are wanted");
  node.vl1().orbit(now, *id, *seed, out);
  return Json::object();
}

Json planet(Node& node, Now now, const Json& request, Outbox& out) {
  const std::string file = text_of(request, "file");
  const auto offered = host::read_world_file(file);
  if (!offered) return refusal(offered.error());
  if (node.vl1().planet() == *offered || node.vl1().offer_planet(now, *offered, out)) {
    return Json::object();
  }
  return refusal(fmt::format(
      "{} is not a newer revision of this node's planet, signed by the key that it names; to move "
      "to another planet stop the node first",
      file));
}

}  // namespace

std::optional<std::string> administer_worlds(Node& node, Now now, std::string_view request,
                                             Outbox& out) {
  try {
    const Json parsed = Json::parse(request.begin(), request.end(), nullptr, false);
    if (!parsed.is_object() || !parsed.contains("do")) return std::nullopt;
    const std::string what = text_of(parsed, "do");
    Json answer = refusal("unknown request");
    if (what == "moons") answer = moons(node);
    if (what == "orbit") answer = orbit(node, now, parsed, out);
    if (what == "planet") answer = planet(node, now, parsed, out);
    if (what == "deorbit") {
      const auto id = hex_number(text_of(parsed, "id"));
      if (id) node.vl1().deorbit(now, *id, out);
      answer = id ? Json::object() : refusal("a moon's number is wanted");
    }
    return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
  } catch (const std::exception& e) {  // out of memory, mostly: must not end the service
    return refusal(e.what()).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
}

}  // namespace ztshim
