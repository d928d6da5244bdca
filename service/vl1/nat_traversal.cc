#include "service/vl1/nat_traversal.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include "service/wire/address_codec.h"
#include "service/wire/messages/push_direct_paths.h"
#include "service/wire/messages/rendezvous.h"

namespace ztshim::vl1 {
namespace {

constexpr std::size_t kJunkSize = 4;
// Far enough to open our own NAT, not far enough to reach the other one (vl1-behaviour 7.2).
constexpr std::uint8_t kJunkTtl = 2;
// Own addresses offered; a receiver tries 8 per scope and family anyway.
constexpr std::size_t kPushedAddresses = 64;
constexpr std::size_t kPushHeader = 2;

std::size_t record_size(const Endpoint& endpoint) { return endpoint.ip.is_v4() ? 11 : 23; }

}  // namespace

bool NatTraversal::on_rendezvous(Now now, const Peer& from, const Arrival& arrival,
                                 ByteView payload, Outbox& out) {
  if (!core_.roots.contains(from.address())) return true;
  const auto rendezvous = Rendezvous::parse(payload);
  if (!rendezvous) {
    ++core_.counters.malformed;
    return false;
  }
  // An unknown peer is ignored, without WHOIS: the next introduction finds it known.
  Peer* peer = core_.topology.find(rendezvous->peer);
  const Endpoint& place = rendezvous->endpoint;
  if (peer == nullptr || !core_.may_be_path(rendezvous->peer, place)) return true;
  if (place.ip.is_v4()) {
    core_.random.fill(out.datagram(arrival.socket, place, kJunkSize, kJunkTtl));
  }
  greeting_.probe(now, *peer, arrival.socket, place, Greeting::Probe::Light, out);
  return true;
}

// A path we have; or, as long as the peer reaches us directly, another port of a host where we have
// a path that works, which could not become one (vl1-behaviour 6, 2.2). Every node with two ports
// announces both, every two minutes.
bool NatTraversal::leads_nowhere_new(Time now, const Peer& peer, unsigned hops,
                                     const Endpoint& place) {
  return std::any_of(peer.paths.begin(), peer.paths.end(), [&](const PeerPath& entry) {
    const Endpoint& remote = entry.path->key.remote;
    if (!entry.is_usable(now)) return false;
    return remote == place || (hops == 0 && remote.ip == place.ip && entry.path->is_alive(now));
  });
}

bool NatTraversal::on_push(Now now, Peer& from, ByteView payload, unsigned hops, Outbox& out) {
  if (!from.push_gate.enter(now.time, kPushGateGap, kPushGateBurst)) {
    ++core_.counters.rate_limited;
    return true;  // counts as received all the same
  }
  const auto push = PushDirectPaths::parse(payload);
  if (!push) {
    ++core_.counters.malformed;
    return false;
  }
  std::map<std::pair<Scope, IpFamily>, unsigned> tried;
  for (const PushedPath& pushed : push->paths) {
    const Endpoint& place = pushed.endpoint;
    if ((pushed.flags & PushedPath::kForget) != 0) continue;
    const bool redirect = (pushed.flags & PushedPath::kClusterRedirect) != 0;
    if (!redirect && leads_nowhere_new(now.time, from, hops, place)) continue;
    // Genuine nodes list an address twice that is both bound and seen from outside.
    const bool repeated = std::any_of(push->paths.data(), &pushed, [&](const PushedPath& earlier) {
      return earlier.endpoint == place && earlier.flags == pushed.flags;
    });
    if (repeated) continue;
    if (!core_.may_be_path(from.address(), place)) continue;
    if (tried[{scope_of(place.ip), place.ip.family()}]++ >= kPushPerScope) continue;
    // A redirect is a hint like the others here: the place becomes a path when it has answered, and
    // pushes no other aside. No genuine node sends it (docs/vl1-conformance.md).
    greeting_.probe(now, from, kAnySocket, place,
                    redirect ? Greeting::Probe::Full : Greeting::Probe::Light, out);
  }
  return true;
}

void NatTraversal::push(Now now, Peer& peer, const Arrival& arrival, unsigned hops, Outbox& out) {
  const int slower = core_.rules.low_bandwidth() ? kSlowPush : 1;
  const Duration interval = hops == 0 ? kPushDirect * slower : kPushRelayed;
  if (now.time - peer.last_push < interval) return;
  const std::vector<Endpoint> own = own_addresses(now.time);
  if (own.empty()) return;
  peer.last_push = now.time;
  for (std::size_t next = 0; next < own.size();) {
    PushDirectPaths message;
    std::size_t size = kPacketHeaderSize + kPushHeader;
    while (next < own.size() && size + record_size(own[next]) <= kPushPacketSize) {
      size += record_size(own[next]);
      message.paths.push_back({0, own[next++]});
    }
    Writer writer = sender_.begin(peer.address(), Verb::PushDirectPaths);
    message.write(writer);
    sender_.send_back(now, peer, arrival, Sender::Compress::Try, out);
  }
}

// Where our sockets are bound, and what others saw of us.
std::vector<Endpoint> NatTraversal::own_addresses(Time now) const {
  std::vector<Endpoint> all;
  const auto add = [&](const Endpoint& endpoint) {
    if (all.size() >= kPushedAddresses || endpoint.port == 0) return;
    if (!is_physical(endpoint.ip, core_.roots.on_loopback())) return;
    if (core_.upper.is_virtual(endpoint.ip) || !core_.rules.permits(endpoint.ip)) return;
    if (std::find(all.begin(), all.end(), endpoint) == all.end()) all.push_back(endpoint);
  };
  for (const Endpoint& endpoint : core_.sockets.endpoints()) add(endpoint);
  for (const Endpoint& endpoint : core_.surface.addresses(now)) add(endpoint);
  return all;
}

void NatTraversal::introduce(Now now, Peer& a, Peer& b, Outbox& out) {
  // Only pairs that can be introduced are remembered; the others may have a path in a moment. Pairs
  // are remembered with the places they were told: who has moved is introduced again at once.
  const auto paths = paths_to_introduce(a, b, now.time);
  if (!paths) return;
  const auto one = [](const Peer& peer, const Path& path) {
    return mixed(peer.address().number() ^ mixed(path.key.hash()));
  };
  const std::uint64_t pair = core_.salted(one(a, *paths->first) ^ one(b, *paths->second));
  introductions_.make_room(std::bit_ceil(kIntroductionsPerPeer * core_.topology.size()));
  if (!introductions_.enter(pair, now.time, kIntroduce)) return;
  const auto& [to_a, to_b] = *paths;
  const bool a_first = core_.random.below(2) == 0;
  if (a_first) send_rendezvous(now, a, *to_a, b.address(), to_b->key.remote, out);
  send_rendezvous(now, b, *to_b, a.address(), to_a->key.remote, out);
  if (!a_first) send_rendezvous(now, a, *to_a, b.address(), to_b->key.remote, out);
}

void NatTraversal::send_rendezvous(Now now, Peer& to, const Path& by, Address about,
                                   const Endpoint& place, Outbox& out) {
  Writer writer = sender_.begin(to.address(), Verb::Rendezvous);
  Rendezvous{about, place}.write(writer);
  sender_.send_to(now, to, by.key.socket, by.key.remote, Sender::Compress::No, out);
}

}  // namespace ztshim::vl1
