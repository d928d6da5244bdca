// What the service tells about itself, as JSON with the field names of a node's local API
// (controller.md 10.3 to 10.5) and the short ones of interface.md beside them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/time.h"
#include "service/host/physical.h"
#include "service/node/node.h"
#include "service/sockets/sockets.h"

namespace ztshim::status {

using Json = nlohmann::json;

// What the node itself does not know.
struct Surroundings {
  std::string home;
  std::vector<Endpoint> listening_on;
  bool tcp_fallback_active = false;
};

Json network(const vl2::NetworkInfo& info, const vl2::LocalSettings& settings);
// What became of frames and credentials, by reason.
Json frame_counters(const vl2::Counters& counters);
Json network_without_service(NetworkId id, const vl2::LocalSettings& settings);
// A root is the planet's or a moon's.
Json peer(const vl1::PeerInfo& info, Now now, bool is_planets_root);
Json physical(const host::Physical& physical);
Json socket(const sockets::SocketInfo& info);
Json node(Node& node, Now now, const Surroundings& around, Json networks);
// The same shape for a home that nobody hosts.
Json idle_node(const Identity& identity, const Surroundings& around, Json networks);

}  // namespace ztshim::status
