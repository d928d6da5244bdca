#include "service/controller/member.h"

#include <algorithm>

namespace ztshim::controller {

namespace {

constexpr std::size_t kMaxArray = 16'384;

Json default_fields(NetworkId network, Address member) {
  return {
      {"activeBridge", false},
      {"address", member.text()},
      {"authenticationExpiryTime", 0},
      {"authorized", false},
      {"capabilities", Json::array()},
      {"creationTime", 0},
      {"id", member.text()},
      {"ipAssignments", Json::array()},
      {"lastAuthorizedCredential", nullptr},
      {"lastAuthorizedCredentialType", nullptr},
      {"lastAuthorizedTime", 0},
      {"lastDeauthorizedTime", 0},
      {"noAutoAssignIps", false},
      {"nwid", network.text()},
      {"objtype", "member"},
      {"remoteTraceLevel", 0},
      {"remoteTraceTarget", nullptr},
      {"revision", 0},
      {"ssoExempt", false},
      {"tags", Json::array()},
      {"vMajor", -1},
      {"vMinor", -1},
      {"vProto", -1},
      {"vRev", -1},
  };
}

template <typename Each>
void for_each_entry(const Json& list, Each each) {
  if (!list.is_array()) return;
  const std::size_t count = std::min(list.size(), kMaxArray);
  for (std::size_t i = 0; i < count; ++i) each(list[i]);
}

// Prefix lengths are stripped: they come from the network's routes.
Json normal_addresses(const Json& list) {
  Json addresses = Json::array();
  for_each_entry(list, [&](const Json& entry) {
    const std::string text = read_text(entry, "");
    const auto ip = IpAddress::parse(std::string_view(text).substr(0, text.find('/')));
    if (ip) addresses.push_back(ip->text());
  });
  return addresses;
}

Json normal_tags(const Json& list) {
  std::map<std::uint32_t, std::uint32_t> tags;
  for_each_entry(list, [&](const Json& entry) {
    if (!entry.is_array() || entry.size() != 2) return;
    tags[static_cast<std::uint32_t>(read_unsigned(entry[0], 0))] =
        static_cast<std::uint32_t>(read_unsigned(entry[1], 0));
  });
  Json normal = Json::array();
  for (const auto& [id, value] : tags) normal.push_back({id, value});
  return normal;
}

// In the order given: that is the order in which they are issued (network_config.json, "rules,
// capabilities and tags").
Json normal_capabilities(const Json& list) {
  Json ids = Json::array();
  for_each_entry(list, [&](const Json& entry) {
    const auto id = static_cast<std::uint32_t>(read_unsigned(entry, 0));
    if (std::find(ids.begin(), ids.end(), Json(id)) == ids.end()) ids.push_back(id);
  });
  return ids;
}

}  // namespace

Json new_member_record(NetworkId network, Address member, std::int64_t wall_ms) {
  Json record = default_fields(network, member);
  record["creationTime"] = wall_ms;
  return record;
}

void complete_member_record(Json& record, NetworkId network, Address member) {
  const Json defaults = default_fields(network, member);
  for (const auto& [key, value] : defaults.items()) {
    if (!record.contains(key)) record[key] = value;
  }
  for (const char* key : {"id", "address", "nwid", "objtype"}) record[key] = defaults[key];
  // What others may have written, and what is never kept.
  for (const char* key : {"clock", "physicalAddr", "recentLog", "lastModified",
                          "lastRequestMetaData", "authenticationURL", "authenticationClientID"}) {
    record.erase(key);
  }
}

void authorize(Json& record, std::int64_t wall_ms, const char* credential_type,
               const Json& credential) {
  record["authorized"] = true;
  record["lastAuthorizedTime"] = wall_ms;
  record["lastAuthorizedCredentialType"] = credential_type;
  record["lastAuthorizedCredential"] = credential;
}

void merge_member(Json& record, const Json& changes, std::int64_t wall_ms) {
  const auto given = [&](const char* key) { return changes.contains(key); };
  if (given("authorized")) {
    const bool before = read_bool(record["authorized"], false);
    const bool after = read_bool(changes["authorized"], false);
    if (after && !before) {
      authorize(record, wall_ms, "api", nullptr);
    } else if (before && !after) {
      record["authorized"] = false;
      record["lastDeauthorizedTime"] = wall_ms;
    }
  }
  for (const char* key : {"activeBridge", "noAutoAssignIps"}) {
    if (given(key)) record[key] = read_bool(changes[key], false);
  }
  if (given("ipAssignments")) record["ipAssignments"] = normal_addresses(changes["ipAssignments"]);
  if (given("tags")) record["tags"] = normal_tags(changes["tags"]);
  if (given("capabilities")) {
    record["capabilities"] = normal_capabilities(changes["capabilities"]);
  }
  if (given("name")) record["name"] = read_text(changes["name"], "");
  if (given("remoteTraceTarget")) {
    const std::string text = read_text(changes["remoteTraceTarget"], "");
    record["remoteTraceTarget"] = text.size() == 10 ? Json(text) : Json();
  }
  if (given("remoteTraceLevel")) {
    record["remoteTraceLevel"] = read_unsigned(changes["remoteTraceLevel"], 0);
  }
  if (given("authenticationExpiryTime")) {
    record["authenticationExpiryTime"] = read_int(changes["authenticationExpiryTime"], 0);
  }
}

MemberDefinition read_member(const Json& record) {
  MemberDefinition d;
  d.authorized = read_bool(member_of(record, "authorized"), false);
  d.active_bridge = read_bool(member_of(record, "activeBridge"), false);
  d.no_auto_assign = read_bool(member_of(record, "noAutoAssignIps"), false);
  for_each_entry(normal_addresses(member_of(record, "ipAssignments")), [&](const Json& entry) {
    if (const auto ip = read_ip(entry)) d.addresses.push_back(*ip);
  });
  for_each_entry(normal_tags(member_of(record, "tags")), [&](const Json& entry) {
    d.tags[entry[0].get<std::uint32_t>()] = entry[1].get<std::uint32_t>();
  });
  for_each_entry(member_of(record, "capabilities"), [&](const Json& entry) {
    d.capabilities.push_back(static_cast<std::uint32_t>(read_unsigned(entry, 0)));
  });
  d.identity = read_text(member_of(record, "identity"), "");
  d.trace_target = read_text(member_of(record, "remoteTraceTarget"), "");
  d.trace_level = read_unsigned(member_of(record, "remoteTraceLevel"), 0);
  return d;
}

}  // namespace ztshim::controller
