// A network configuration in the form in which the files describe decoded ones.
#pragma once

#include "service/wire/network_config_dictionary.h"
#include "tests/vectors/rule_json.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {

// The files write addresses without prefix length or port as "ip/0".
inline Json ip_json(const IpAddress& ip) { return ip ? Json(ip.text() + "/0") : Json(); }

inline Json things_json(const Ownership& ownership) {
  Json list = Json::array();
  for (const Ownership::Thing& thing : ownership.things) {
    list.push_back({{"type", static_cast<int>(thing.type)}, {"value_16", to_hex(thing.value)}});
  }
  return list;
}

inline Json credentials_json(const NetworkConfig& config) {
  Json json{{"capabilities", Json::array()},
            {"tags", Json::array()},
            {"certificates_of_ownership", Json::array()},
            {"com", config.membership ? Json(to_hex(written(*config.membership))) : Json()}};
  for (const Capability& capability : config.capabilities) {
    json["capabilities"].push_back({{"id", capability.id},
                                    {"timestamp", capability.timestamp},
                                    {"issued_to", capability.issued_to().text()},
                                    {"rules", rules_json(capability.rules)},
                                    {"serialized", to_hex(written(capability))}});
  }
  for (const Tag& tag : config.tags) {
    json["tags"].push_back({{"id", tag.id},
                            {"value", tag.value},
                            {"timestamp", tag.timestamp},
                            {"serialized", to_hex(written(tag))}});
  }
  for (const Ownership& ownership : config.ownerships) {
    json["certificates_of_ownership"].push_back({{"id", ownership.id},
                                                 {"things", things_json(ownership)},
                                                 {"serialized", to_hex(written(ownership))}});
  }
  return json;
}

inline Json addresses_json(const NetworkConfig& config) {
  Json json{{"specialists", Json::array()},
            {"active_bridges", Json::array()},
            {"routes", Json::array()},
            {"static_ips", Json::array()},
            {"dns", {{"domain", config.dns.domain}, {"servers", Json::array()}}}};
  for (const Specialist& specialist : config.specialists) {
    json["specialists"].push_back(to_hex(specialist.value, 16));
    if (specialist.is_active_bridge()) {
      json["active_bridges"].push_back(specialist.address().text());
    }
  }
  for (const ManagedRoute& route : config.routes) {
    json["routes"].push_back({{"target", route.target.text()},
                              {"via", ip_json(route.via)},
                              {"flags", route.flags},
                              {"metric", route.metric}});
  }
  for (const IpPrefix& ip : config.managed_addresses) json["static_ips"].push_back(ip.text());
  for (const IpAddress& server : config.dns.servers) {
    json["dns"]["servers"].push_back(ip_json(server));
  }
  return json;
}

inline Json config_json(const NetworkConfig& config) {
  Bytes rules;
  Writer out(rules);
  write_rules(out, config.rules);
  Json json{{"network_id", config.network.text()},
            {"timestamp", config.timestamp},
            {"credential_time_max_delta", config.credential_max_delta},
            {"revision", config.revision},
            {"issued_to", config.issued_to.text()},
            {"remote_trace_target", config.trace_target.text()},
            {"remote_trace_level", config.trace_level},
            {"flags", to_hex(config.flags, 16)},
            {"enable_broadcast", config.has_broadcast()},
            {"ndp_emulation", config.has_ndp_emulation()},
            {"rules_result_of_unsupported_match", config.unknown_matches()},
            {"disable_compression", !config.may_compress_multicast()},
            {"mtu", config.mtu},
            {"multicast_limit", config.multicast_limit},
            {"type", config.is_public ? 1 : 0},
            {"type_name", config.is_public ? "public" : "private"},
            {"name", config.name},
            {"rule_count", config.rules.size()},
            {"rules_binary", to_hex(rules)},
            {"rules", rules_json(config.rules)},
            {"sso_enabled", config.sso.enabled},
            {"sso_version", config.sso.version},
            {"authentication_url", config.sso.authentication_url},
            {"authentication_expiry_time", config.sso.authentication_expiry}};
  json.update(credentials_json(config));
  json.update(addresses_json(config));
  return json;
}

}  // namespace ztshim::vectors
