// Which path carries the next packet, and which physical addresses may be paths at all.
// Notes: vl1-behaviour 5.1, 5.3, and for introductions 11.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "common/endpoint.h"
#include "common/time.h"
#include "service/vl1/peer.h"

namespace ztshim::vl1 {

// Lower is better: latency, weighed by how near the address is; silent paths rank behind live ones,
// those in doubt (ours, path_watch) behind all.
std::int64_t path_rank(const PeerPath& entry, Time now);

enum class Expired { Refuse, Accept };
// The path of the lowest rank; nullptr when there is none.
PeerPath* best_path(Peer& peer, Time now, Expired expired = Expired::Refuse);
inline const PeerPath* best_path(const Peer& peer, Time now, Expired expired = Expired::Refuse) {
  return best_path(const_cast<Peer&>(peer), now, expired);
}
bool has_usable_path(const Peer& peer, IpFamily family, Time now);

// Can this address be part of the physical internet? Loopback only where the lab lives there.
bool is_physical(const IpAddress& ip, bool loopback_allowed);

// The paths that two peers are told of each other: of the most local scope in which both have one,
// IPv6 first.
std::optional<std::pair<const Path*, const Path*>> paths_to_introduce(const Peer& a, const Peer& b,
                                                                      Time now);

}  // namespace ztshim::vl1
