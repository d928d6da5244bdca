// A network as its owner wrote it: the JSON record that is kept and shown, and its meaning as
// values. Notes: controller.md 7.1.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/controller/json_values.h"
#include "service/wire/network_config_dictionary.h"

namespace ztshim::controller {

struct NetworkDefinition {
  struct CapabilityDefinition {
    std::uint32_t id = 0;
    bool is_default = false;
    Rules rules;
  };
  struct TagDefinition {
    std::uint32_t id = 0;
    std::optional<std::uint32_t> default_value;
  };

  std::string name;
  bool is_private = true;
  bool broadcast = true;
  std::uint64_t multicast_limit = 32;
  std::uint32_t mtu = NetworkConfig::kDefaultMtu;
  std::uint64_t revision = 0;
  std::uint64_t credential_window_ms = 1'800'000;
  std::vector<ManagedRoute> routes;
  std::vector<std::pair<IpAddress, IpAddress>> pools;  // first and last address
  bool assign_v4 = false, assign_v6 = false, rfc4193 = false, six_plane = false;
  Rules rules;
  std::vector<CapabilityDefinition> capabilities;  // ascending by id
  std::vector<TagDefinition> tags;                 // ascending by id
  std::map<std::string, std::int64_t> tokens;      // to expiry, 0 = never
  NetworkDns dns;
  Address trace_target;
  std::uint64_t trace_level = 0;
};

// A record with every field at its default; revision 0, because it has never been saved.
Json new_network_record(NetworkId id, std::int64_t wall_ms);
// Missing fields of a record from disk; keeps what it does not know.
void complete_network_record(Json& record, NetworkId id);
// Takes over the fields of `changes` that may be written, each in normal form; ignores the others.
void merge_network(Json& record, const Json& changes);
NetworkDefinition read_network(const Json& record);

}  // namespace ztshim::controller
