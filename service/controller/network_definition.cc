#include "service/controller/network_definition.h"

#include <algorithm>
#include <array>

#include "service/controller/rules_json.h"

namespace ztshim::controller {

namespace {

constexpr std::size_t kMaxArray = 16'384;  // entries of a list in a record
constexpr std::uint64_t kMinWindow = 300'000;
constexpr std::uint64_t kMaxWindow = 7'200'000;

// The entries of a list, at most so many.
template <typename Each>
void for_each_entry(const Json& list, Each each) {
  if (!list.is_array()) return;
  const std::size_t count = std::min(list.size(), kMaxArray);
  for (std::size_t i = 0; i < count; ++i) each(list[i]);
}

Json normal_routes(const Json& list) {
  Json routes = Json::array();
  for_each_entry(list, [&](const Json& entry) {
    const auto target = read_prefix(member_of(entry, "target"));
    if (!target) return;
    const auto via = read_ip(member_of(entry, "via"));
    const bool usable = via && via->family() == target->ip.family();
    routes.push_back({{"target", target->text()}, {"via", usable ? Json(via->text()) : Json()}});
  });
  return routes;
}

Json normal_pools(const Json& list) {
  Json pools = Json::array();
  for_each_entry(list, [&](const Json& entry) {
    const auto first = read_ip(member_of(entry, "ipRangeStart"));
    const auto last = read_ip(member_of(entry, "ipRangeEnd"));
    if (!first || !last || first->family() != last->family()) return;
    pools.push_back({{"ipRangeStart", first->text()}, {"ipRangeEnd", last->text()}});
  });
  return pools;
}

Json normal_v4_mode(const Json& value) {
  const bool on = value.is_string() ? value.get_ref<const std::string&>() == "zt"
                                    : read_bool(member_of(value, "zt"), false);
  return {{"zt", on}};
}

Json normal_v6_mode(const Json& value) {
  Json mode = Json::object();
  if (value.is_string()) {
    const std::string text = "," + value.get<std::string>() + ",";
    for (const char* key : {"6plane", "rfc4193", "zt"}) {
      mode[key] = text.find("," + std::string(key) + ",") != std::string::npos;
    }
    return mode;
  }
  for (const char* key : {"6plane", "rfc4193", "zt"}) {
    const Json& flag = member_of(value, key);
    if (!flag.is_null()) mode[key] = read_bool(flag, false);
  }
  return mode;
}

// By id, each once: the last of equals.
Json sorted_by_id(const std::map<std::uint32_t, Json>& entries) {
  Json list = Json::array();
  for (const auto& [id, entry] : entries) list.push_back(entry);
  return list;
}

Json normal_capabilities(const Json& list) {
  std::map<std::uint32_t, Json> entries;
  for_each_entry(list, [&](const Json& entry) {
    if (!entry.is_object()) return;
    const auto id = static_cast<std::uint32_t>(read_unsigned(member_of(entry, "id"), 0));
    const Rules rules = rules_from_json(member_of(entry, "rules"), Capability::kMaxRules);
    entries[id] = {{"id", id},
                   {"default", read_bool(member_of(entry, "default"), false)},
                   {"rules", rules_to_json(rules)}};
  });
  return sorted_by_id(entries);
}

Json normal_tags(const Json& list) {
  std::map<std::uint32_t, Json> entries;
  for_each_entry(list, [&](const Json& entry) {
    if (!entry.is_object()) return;
    const auto id = static_cast<std::uint32_t>(read_unsigned(member_of(entry, "id"), 0));
    const Json& value = member_of(entry, "default");
    entries[id] = {{"id", id},
                   {"default", value.is_null() ? Json() : Json(read_unsigned(value, 0))}};
  });
  return sorted_by_id(entries);
}

Json normal_tokens(const Json& value) {
  if (!value.is_object()) return Json::array({nullptr});
  Json tokens = Json::object();
  for (const auto& [token, expiry] : value.items()) {
    if (expiry.is_number() && read_int(expiry, -1) >= 0) tokens[token] = read_int(expiry, 0);
  }
  return tokens;
}

Json normal_dns(const Json& value) {
  Json servers = Json::array();
  for_each_entry(member_of(value, "servers"), [&](const Json& entry) {
    if (const auto ip = read_ip(entry)) servers.push_back(ip->text());
  });
  return {{"domain", read_text(member_of(value, "domain"), "")}, {"servers", servers}};
}

Json default_fields(NetworkId id) {
  return {
      {"authTokens", Json::array({nullptr})},
      {"authorizationEndpoint", ""},
      {"capabilities", Json::array()},
      {"clientId", ""},
      {"creationTime", 0},
      {"dns", Json::array()},
      {"enableBroadcast", true},
      {"id", id.text()},
      {"ipAssignmentPools", Json::array()},
      {"mtu", NetworkConfig::kDefaultMtu},
      {"multicastLimit", 32},
      {"name", ""},
      {"nwid", id.text()},
      {"objtype", "network"},
      {"private", true},
      {"remoteTraceLevel", 0},
      {"remoteTraceTarget", nullptr},
      {"revision", 0},
      {"routes", Json::array()},
      {"rules", Json::array({{{"not", false}, {"or", false}, {"type", "ACTION_ACCEPT"}}})},
      {"rulesSource", ""},
      {"ssoEnabled", false},
      {"tags", Json::array()},
      {"v4AssignMode", {{"zt", false}}},
      {"v6AssignMode", {{"6plane", false}, {"rfc4193", false}, {"zt", false}}},
  };
}

std::uint32_t read_mtu(const Json& value) {
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(read_unsigned(value, NetworkConfig::kDefaultMtu),
                                NetworkConfig::kMinMtu, NetworkConfig::kMaxMtu));
}

}  // namespace

Json new_network_record(NetworkId id, std::int64_t wall_ms) {
  Json record = default_fields(id);
  record["creationTime"] = wall_ms;
  return record;
}

void complete_network_record(Json& record, NetworkId id) {
  const Json defaults = default_fields(id);
  for (const auto& [key, value] : defaults.items()) {
    if (!record.contains(key)) record[key] = value;
  }
  // Counts that older software wrote into the file.
  for (const char* key : {"clock", "authorizedMemberCount", "activeMemberCount", "totalMemberCount",
                          "lastModified"}) {
    record.erase(key);
  }
}

void merge_network(Json& record, const Json& changes) {
  using Normal = Json (*)(const Json&);
  struct Field {
    const char* key;
    Normal normal;
  };
  static constexpr std::array<Field, 16> kFields{{
      {"name", [](const Json& v) { return Json(read_text(v, "")); }},
      {"private", [](const Json& v) { return Json(read_bool(v, true)); }},
      {"enableBroadcast", [](const Json& v) { return Json(read_bool(v, true)); }},
      {"multicastLimit", [](const Json& v) { return Json(read_unsigned(v, 32)); }},
      {"mtu", [](const Json& v) { return Json(read_mtu(v)); }},
      {"routes", normal_routes},
      {"ipAssignmentPools", normal_pools},
      {"v4AssignMode", normal_v4_mode},
      {"v6AssignMode", normal_v6_mode},
      {"rules", [](const Json& v) { return rules_to_json(rules_from_json(v, kMaxNetworkRules)); }},
      {"capabilities", normal_capabilities},
      {"tags", normal_tags},
      {"authTokens", normal_tokens},
      {"remoteTraceTarget",
       [](const Json& v) {
         const std::string text = read_text(v, "");
         return text.size() == 10 ? Json(text) : Json();
       }},
      {"remoteTraceLevel", [](const Json& v) { return Json(read_unsigned(v, 0)); }},
      {"dns", normal_dns},
  }};
  for (const Field& field : kFields) {
    const auto given = changes.find(field.key);
    if (given == changes.end()) continue;
    if (std::string_view(field.key) == "dns" && !given->is_object()) continue;
    record[field.key] = field.normal(*given);
  }
}

NetworkDefinition read_network(const Json& record) {
  NetworkDefinition d;
  d.name = read_text(member_of(record, "name"), "").substr(0, NetworkConfig::kMaxNameSize);
  d.is_private = read_bool(member_of(record, "private"), true);
  d.broadcast = read_bool(member_of(record, "enableBroadcast"), true);
  d.multicast_limit = read_unsigned(member_of(record, "multicastLimit"), 32);
  d.mtu = read_mtu(member_of(record, "mtu"));
  d.revision = read_unsigned(member_of(record, "revision"), 0);
  d.credential_window_ms = std::clamp(
      read_unsigned(member_of(record, "certificateTimeoutWindowSize"), d.credential_window_ms),
      kMinWindow, kMaxWindow);
  for_each_entry(normal_routes(member_of(record, "routes")), [&](const Json& route) {
    if (d.routes.size() >= NetworkConfig::kMaxRoutes) return;
    d.routes.push_back(
        {*read_prefix(route["target"]), read_ip(route["via"]).value_or(IpAddress()), 0, 0});
  });
  for_each_entry(normal_pools(member_of(record, "ipAssignmentPools")), [&](const Json& pool) {
    d.pools.emplace_back(*read_ip(pool["ipRangeStart"]), *read_ip(pool["ipRangeEnd"]));
  });
  d.assign_v4 = read_bool(normal_v4_mode(member_of(record, "v4AssignMode"))["zt"], false);
  const Json v6 = normal_v6_mode(member_of(record, "v6AssignMode"));
  d.assign_v6 = read_bool(member_of(v6, "zt"), false);
  d.rfc4193 = read_bool(member_of(v6, "rfc4193"), false);
  d.six_plane = read_bool(member_of(v6, "6plane"), false);
  d.rules = rules_from_json(member_of(record, "rules"), kMaxNetworkRules);
  for_each_entry(normal_capabilities(member_of(record, "capabilities")), [&](const Json& entry) {
    d.capabilities.push_back({static_cast<std::uint32_t>(read_unsigned(entry["id"], 0)),
                              read_bool(entry["default"], false),
                              rules_from_json(entry["rules"], Capability::kMaxRules)});
  });
  for_each_entry(normal_tags(member_of(record, "tags")), [&](const Json& entry) {
    NetworkDefinition::TagDefinition tag;
    tag.id = static_cast<std::uint32_t>(read_unsigned(entry["id"], 0));
    if (entry["default"].is_number()) {
      tag.default_value = static_cast<std::uint32_t>(read_unsigned(entry["default"], 0));
    }
    d.tags.push_back(tag);
  });
  const Json tokens = normal_tokens(member_of(record, "authTokens"));
  if (tokens.is_object()) {
    for (const auto& [token, expiry] : tokens.items()) d.tokens[token] = read_int(expiry, 0);
  }
  const Json& dns = member_of(record, "dns");
  if (dns.is_object()) {
    d.dns.domain = read_text(member_of(dns, "domain"), "").substr(0, 127);
    std::size_t n = 0;
    for_each_entry(member_of(dns, "servers"), [&](const Json& entry) {
      const auto ip = read_ip(entry);
      if (ip && n < d.dns.servers.size()) d.dns.servers[n++] = *ip;
    });
  }
  d.trace_target =
      Address::parse(read_text(member_of(record, "remoteTraceTarget"), "")).value_or(Address());
  d.trace_level = read_unsigned(member_of(record, "remoteTraceLevel"), 0);
  return d;
}

}  // namespace ztshim::controller
