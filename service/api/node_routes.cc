#include "service/api/node_routes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "service/api/route.h"

namespace ztshim::api {
namespace {

using Json = nlohmann::json;
using Parts = std::vector<std::string_view>;

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}
Response json_of(const Json& json) { return Response::json(text_of(json)); }
Response ending() { return Response::bare(503); }
Response done() { return Response::json(R"({"result":true})"); }

// A section of the service's facts that exists once the service says anything at all.
Response section(std::string text) {
  return text.empty() ? ending() : Response::json(std::move(text));
}

// The one entry of a list whose `key` is `value`; null when there is none.
Json entry_of(const std::string& list, const char* key, const std::string& value) {
  const Json entries = Json::parse(list, nullptr, false);
  if (!entries.is_array()) return nullptr;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Json& entry) {
    return entry.is_object() && entry.value(key, "") == value;
  });
  return found == entries.end() ? Json() : *found;
}

Response health(Backend& backend) {
  const Json status = Json::parse(backend.status(), nullptr, false);
  if (!status.is_object()) return ending();
  Json json = Json::object();
  for (const char* key : {"online", "version", "versionMajor", "versionMinor", "versionRev",
                          "versionBuild", "clock"}) {
    const auto value = status.find(key);
    if (value != status.end()) json[key] = *value;
  }
  return json_of(json);
}

// ---- networks

// Anything else than an object of booleans is no setting: a body that cannot be read just joins
// (observed).
Backend::Settings settings_in(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  const auto flag = [&json](const char* key) -> std::optional<bool> {
    if (!json.is_object()) return std::nullopt;
    const auto value = json.find(key);
    if (value == json.end() || !value->is_boolean()) return std::nullopt;
    return value->get<bool>();
  };
  return {flag("allowManaged"), flag("allowGlobal"), flag("allowDefault"), flag("allowDNS")};
}

Response one_network(Backend& backend, NetworkId id) {
  const std::string list = backend.networks();
  if (list.empty()) return ending();
  const Json network = entry_of(list, "id", id.text());
  return network.is_null() ? Response{404, "{}", "application/json"} : json_of(network);
}

Response handle_networks(const Request& request, const Parts& parts, Backend& backend) {
  const Method method = method_of(request);
  if (parts.size() == 1) {
    return method == Method::Get ? section(backend.networks()) : not_found();
  }
  const auto id = network_in(parts[1]);
  if (!id || parts.size() != 2) return not_found();
  switch (method) {
    case Method::Get:
      return one_network(backend, *id);
    case Method::Change: {
      if (!*id) return not_found();
      const auto joined = backend.join(*id, settings_in(request.body));
      return joined ? one_network(backend, *id) : failed(joined.error());
    }
    case Method::Delete:
      return backend.leave(*id) ? done() : Response::json("{}");
    case Method::Other:
      break;
  }
  return not_found();
}

Response handle_peers(const Request& request, const Parts& parts, Backend& backend) {
  if (method_of(request) != Method::Get) return not_found();
  if (parts.size() == 1) return section(backend.peers());
  const auto address = address_in(parts[1]);
  if (!address || parts.size() != 2) return not_found();
  const std::string list = backend.peers();
  if (list.empty()) return ending();
  const Json peer = entry_of(list, "address", address->text());
  return json_of(peer.is_null() ? Json::object() : peer);
}

// ---- moons

Json moon_json(const World& moon) {
  Json roots = Json::array();
  for (const WorldRoot& root : moon.roots) {
    Json endpoints = Json::array();
    for (const Endpoint& endpoint : root.endpoints) endpoints.push_back(endpoint.protocol_text());
    roots.push_back({{"identity", root.identity.text()}, {"stableEndpoints", endpoints}});
  }
  return {
      {"id", to_hex(moon.id, 16)},           {"timestamp", moon.timestamp},
      {"signature", to_hex(moon.signature)}, {"updatesMustBeSignedBy", to_hex(moon.next_signer)},
      {"roots", std::move(roots)},           {"waiting", false}};
}

Json moon_awaited(std::uint64_t id) {
  return {{"id", to_hex(id, 16)},   {"timestamp", 0},
          {"signature", nullptr},   {"updatesMustBeSignedBy", nullptr},
          {"roots", Json::array()}, {"waiting", true}};
}

std::vector<World> moons_of(Backend& backend) {
  std::vector<World> moons;
  backend.with_node([&moons](Node& node, Now, Outbox&) { moons = node.vl1().moons(); });
  return moons;
}

Json moon_held(Backend& backend, std::uint64_t id) {
  for (const World& moon : moons_of(backend)) {
    if (moon.id == id) return moon_json(moon);
  }
  return Json::object();
}

// A moon without a seed is asked for nowhere (observed: {}).
Response orbit(const Request& request, Backend& backend, std::uint64_t id) {
  const Json body = Json::parse(request.body, nullptr, false);
  const auto seed = body.is_object() && body.contains("seed") && body["seed"].is_string()
                        ? address_in(body["seed"].get<std::string>())
                        : std::nullopt;
  if (!seed || seed->is_reserved()) return Response::json("{}");
  if (!backend.with_node(
          [&](Node& node, Now now, Outbox& out) { node.vl1().orbit(now, id, *seed, out); })) {
    return ending();
  }
  const Json held = moon_held(backend, id);
  return json_of(held.empty() ? moon_awaited(id) : held);
}

Response handle_moons(const Request& request, const Parts& parts, Backend& backend) {
  const Method method = method_of(request);
  if (parts.size() == 1) {
    if (method != Method::Get) return not_found();
    Json list = Json::array();
    for (const World& moon : moons_of(backend)) list.push_back(moon_json(moon));
    return json_of(list);
  }
  // Ten digits: a moon's ID without the zeros before it (controller.md 10.2).
  const auto id = address_in(parts[1]);
  if (!id || parts.size() != 2) return not_found();
  switch (method) {
    case Method::Get:
      return json_of(moon_held(backend, id->number()));
    case Method::Change:
      return orbit(request, backend, id->number());
    case Method::Delete:
      return backend.with_node([&](Node& node, Now now, Outbox& out) {
        node.vl1().deorbit(now, id->number(), out);
      })
                 ? done()
                 : ending();
    case Method::Other:
      break;
  }
  return not_found();
}

// ---- local.conf

Response handle_config(const Request& request, const Parts& parts, Backend& backend) {
  if (parts.size() == 1 && method_of(request) == Method::Get) {
    return section(backend.local_conf());
  }
  if (parts.size() != 2 || parts[1] != "settings" || method_of(request) != Method::Change) {
    return not_found();
  }
  const Json changes = Json::parse(request.body, nullptr, false);
  if (changes.is_discarded()) return failed("the body is not JSON");
  Json conf = Json::parse(backend.local_conf(), nullptr, false);
  if (!conf.is_object()) conf = Json::object();
  if (!conf["settings"].is_object()) conf["settings"] = Json::object();
  if (changes.is_object() && !changes.empty()) {
    conf["settings"].update(changes);
    const auto saved =
        backend.save_local_conf(conf.dump(2, ' ', false, Json::error_handler_t::replace));
    if (!saved) return failed(saved.error());
  }
  return Response::json("{}");
}

}  // namespace

Response handle_node(const Request& request, Backend& backend) {
  const Parts parts = parts_of(request.path);
  const bool is_get = method_of(request) == Method::Get;
  if (parts.empty()) return not_found();
  if (parts[0] == "network") return handle_networks(request, parts, backend);
  if (parts[0] == "peer") return handle_peers(request, parts, backend);
  if (parts[0] == "moon") return handle_moons(request, parts, backend);
  if (parts[0] == "config") return handle_config(request, parts, backend);
  // No bonds here: several paths to a peer are VL1's own affair (controller.md 10.2).
  if (parts[0] == "bond") return {400, "{}", "application/json"};
  if (parts.size() != 1 || !is_get) return not_found();
  if (parts[0] == "status") return section(backend.status());
  if (parts[0] == "health") return health(backend);
  return not_found();
}

}  // namespace ztshim::api
