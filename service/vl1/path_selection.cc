#include "service/vl1/path_selection.h"

#include <algorithm>

#include "service/wire/address_codec.h"

namespace ztshim::vl1 {
namespace {

constexpr std::int64_t kUnknownLatency = 65535;
constexpr unsigned kScopes = 8;

unsigned scope_number(const IpAddress& ip) { return static_cast<unsigned>(scope_of(ip)); }

// A tunnel broker's range: paths through tunnels look good and are slow (vl1-behaviour 5.1, 2).
bool is_tunnel_broker(const IpAddress& ip) {
  const ByteView b = ip.bytes();
  return ip.is_v6() && b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x04 && b[3] == 0x70;
}

const Path* best_in(const Peer& peer, IpFamily family, unsigned scope, Time now) {
  const PeerPath* best = nullptr;
  for (const PeerPath& entry : peer.paths) {
    const IpAddress& ip = entry.path->key.remote.ip;
    if (ip.family() != family || scope_number(ip) != scope) continue;
    if (best == nullptr || path_rank(entry, now) <= path_rank(*best, now)) best = &entry;
  }
  return best == nullptr ? nullptr : best->path;
}

}  // namespace

std::int64_t path_rank(const PeerPath& entry, Time now) {
  const Path& path = *entry.path;
  const std::int64_t latency = path.latency_ms < 0 ? kUnknownLatency : path.latency_ms;
  const Duration silence = std::min(now - path.last_receive, kSilenceCap);
  const std::int64_t penalty = path.is_alive(now) ? 0 : kUnknownLatency + silence.count();
  const std::int64_t distance = kScopes - scope_number(path.key.remote.ip);
  constexpr std::int64_t kBehindAllOthers = std::int64_t{1} << 40;
  const std::int64_t doubt = entry.is_doubtful(now) ? kBehindAllOthers : 0;
  return (latency + penalty) * distance + doubt;
}

PeerPath* best_path(Peer& peer, Time now, Expired expired) {
  PeerPath* best = nullptr;
  std::int64_t best_rank = 0;
  for (PeerPath& entry : peer.paths) {
    if (expired == Expired::Refuse && !entry.is_usable(now)) continue;
    const std::int64_t rank = path_rank(entry, now);
    if (best != nullptr && rank > best_rank) continue;  // of equals the last one
    best = &entry;
    best_rank = rank;
  }
  return best;
}

bool has_usable_path(const Peer& peer, IpFamily family, Time now) {
  return std::any_of(peer.paths.begin(), peer.paths.end(), [&](const PeerPath& entry) {
    return entry.path->key.remote.ip.family() == family && entry.is_usable(now);
  });
}

bool is_physical(const IpAddress& ip, bool loopback_allowed) {
  switch (scope_of(ip)) {
    case Scope::PseudoPrivate:
    case Scope::Global:
    case Scope::Shared:
    case Scope::Private:
      return !is_tunnel_broker(ip);
    case Scope::Loopback:
      return loopback_allowed;
    case Scope::None:
    case Scope::Multicast:
    case Scope::LinkLocal:
      return false;
  }
  return false;
}

std::optional<std::pair<const Path*, const Path*>> paths_to_introduce(const Peer& a, const Peer& b,
                                                                      Time now) {
  for (unsigned scope = kScopes; scope-- > 0;) {
    for (const IpFamily family : {IpFamily::V6, IpFamily::V4}) {
      const Path* to_a = best_in(a, family, scope, now);
      const Path* to_b = best_in(b, family, scope, now);
      if (to_a != nullptr && to_b != nullptr) return std::pair(to_a, to_b);
    }
  }
  return std::nullopt;
}

}  // namespace ztshim::vl1
