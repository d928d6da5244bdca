#include "service/vl1/keepalive.h"

#include <algorithm>

#include "common/log.h"
#include "service/vl1/peer_cache.h"

namespace ztshim::vl1 {
namespace {

// A deadline that has come and brought nothing to do is looked at again after this long at the
// earliest: a mistake in computing deadlines must not become a busy loop.
constexpr Duration kLeastPause{1'000};

bool has_path(const Peer& peer, Time now) { return best_path(peer, now) != nullptr; }

}  // namespace

void Keepalive::greet_roots(Now now, Outbox& out) {
  for (const Roots::Root& root : core_.roots.all()) {
    Peer* peer = core_.add_peer(root.identity, now.time);
    if (peer == nullptr) continue;  // its address is known with another identity, which stays
    tend_root(now, *peer, root, out);
    arm(*peer, now.time);
  }
  check_contacts(now, out);
  update_online(now, out);
}

void Keepalive::greet_roots_anew(Now now, Outbox& out) {
  for (const Roots::Root& root : core_.roots.all()) {
    Peer* peer = core_.topology.find(root.address());
    if (peer == nullptr || now.time - peer->last_attempt < kConfirmPath) continue;
    peer->last_attempt = peer->last_full_hello = now.time;
    greet_endpoints(now, *peer, root, Families::All, out);
  }
}

void Keepalive::greeted_by(Now now, Peer& peer) {
  if (!core_.roots.contains(peer.address())) return;
  peer.reassure_at = now.time + kReassureRoot;
  arm(peer, now.time);
}

void Keepalive::greet_now(Now now, Peer& peer, Outbox& out) {
  if (!has_path(peer, now.time)) {
    greeting_.hello_through_root(now, peer, out);
    return;
  }
  peer.last_full_hello = now.time - kFullPing;
  keep_alive(now, peer, core_.keepalive_idle(), out);
}

void Keepalive::arm(Peer& peer, Time now) {
  const Time next = std::max(next_deadline(peer, now), now);
  if (next >= peer.deadline) return;
  peer.deadline = next;
  push_deadline(peer);
}

// Entries that count no more leave the heap when their time comes, or here: whoever makes a peer's
// deadline come forward over and over must not fill the memory. Costs nothing per deadline, because
// the heap has to fill again first.
void Keepalive::push_deadline(const Peer& peer) {
  deadlines_.push(peer.deadline, peer.address());
  if (deadlines_.size() <= kDeadlinesPerPeer * core_.topology.size() + kSpareDeadlines) return;
  deadlines_.clear();
  core_.topology.for_each([&](const Peer& known) {
    if (known.deadline != kNever) deadlines_.push(known.deadline, known.address());
  });
}

void Keepalive::on_deadline(Now now, Outbox& out) {
  while (deadlines_.next() <= now.time) {
    const auto [when, address] = deadlines_.pop();
    const Peer* peer = core_.topology.find(address);
    if (peer != nullptr && peer->deadline == when) tend(now, address, out);
  }
  if (contacts_due_ <= now.time) check_contacts(now, out);
  update_online(now, out);
}

void Keepalive::tend(Now now, Address address, Outbox& out) {
  Peer& peer = *core_.topology.find(address);
  ++core_.counters.peers_tended;
  drop_expired_paths(peer, now.time, out);
  const Roots::Root* root = core_.roots.find(address);
  if (root != nullptr) {
    tend_root(now, peer, *root, out);
    // Another may relay for us by now: from here on its mapping is the one that counts.
    Peer* best = core_.roots.best(core_.topology, now.time);
    if (best != nullptr && best != &peer) arm(*best, now.time);
  } else if (now.time - std::max(peer.last_receive, peer.created) >= kPeerTimeout) {
    return forget(peer);
  } else if (peer.is_active(now.time)) {
    keep_alive(now, peer, core_.keepalive_idle(), out);
  } else if (is_contact(address)) {
    tend_contact(now, peer, out);
  }
  peer.deadline = std::max(next_deadline(peer, now.time), now.time + kLeastPause);
  if (peer.deadline != kNever) push_deadline(peer);
}

void Keepalive::tend_root(Now now, Peer& peer, const Roots::Root& root, Outbox& out) {
  if (!has_path(peer, now.time)) {
    if (now.time - peer.last_attempt < core_.ping_check()) return;
    peer.last_attempt = peer.last_full_hello = now.time;
    return greet_endpoints(now, peer, root, Families::All, out);
  }
  if (now.time - peer.last_full_hello >= kRootFullPing) {
    keep_alive(now, peer, core_.keepalive_idle(), out);
    return greet_endpoints(now, peer, root, Families::Missing, out);
  }
  if (now.time >= peer.reassure_at) {
    peer.reassure_at = kNever;
    return question(now, peer, out);
  }
  if (peer.is_active(now.time)) return keep_alive(now, peer, core_.keepalive_idle(), out);

  // A root that left a question unanswered may have been restarted and not know us any more (it
  // ignores ECHO then), or have moved: greet it wherever it is listed.
  const Path& path = *best_path(peer, now.time)->path;
  if (peer.leaves_unanswered(now.time) && now.time - peer.last_attempt >= kRootMapping) {
    peer.last_attempt = now.time;
    greeting_.hello(now, peer, path.key.socket, path.key.remote, out);
    return greet_endpoints(now, peer, root, Families::All, out, path.key.remote);
  }
  // The way to the one that relays for us stays open, and is known to work.
  if (core_.roots.best(core_.topology, now.time) != &peer) return;
  if (now.time >= mapping_due(peer, path)) question(now, peer, out);
}

void Keepalive::question_best_root(Now now, Outbox& out) {
  Peer* root = core_.roots.best(core_.topology, now.time);
  if (root == nullptr || !has_path(*root, now.time)) return;
  if (now.time - root->last_receive < kWhoisRetry) return;
  if (now.time - root->last_question >= kQueueTime) question(now, *root, out);
  arm(*root, now.time);
}

void Keepalive::question(Now now, Peer& root, Outbox& out) {
  const PathKey key = best_path(root, now.time)->path->key;
  root.asked(now.time);
  greeting_.probe(now, root, key.socket, key.remote, Greeting::Probe::Light, out);
}

// Traffic in one direction alone keeps the mapping, but does not show that anybody is there.
Time Keepalive::mapping_due(const Peer& root, const Path& path) {
  return std::max(root.last_question, std::min(path.last_send, path.last_receive)) + kRootMapping;
}

void Keepalive::tend_contact(Now now, Peer& peer, Outbox& out) {
  if (has_path(peer, now.time)) return keep_alive(now, peer, kLeafAlwaysPing, out);
  if (now.time - peer.last_attempt < kLeafAlwaysPing) return;
  peer.last_attempt = now.time;
  greeting_.hello_through_root(now, peer, out);
}

bool Keepalive::is_spare(const Peer& peer, const PeerPath& entry, Time now) const {
  const PathKey& key = entry.path->key;
  bool is_later = false;  // of equals the last one is used (vl1-behaviour 5.3)
  return std::any_of(peer.paths.begin(), peer.paths.end(), [&](const PeerPath& other) {
    const PathKey& its = other.path->key;
    if (&other == &entry) is_later = true;
    if (&other == &entry || its.remote != key.remote || !other.is_usable(now)) return false;
    if (!core_.sockets.are_siblings(its.socket, key.socket)) return false;
    const std::int64_t difference = path_rank(other, now) - path_rank(entry, now);
    return difference < 0 || (difference == 0 && is_later);
  });
}

void Keepalive::keep_alive(Now now, Peer& peer, Duration idle, Outbox& out) {
  const bool full = now.time - peer.last_full_hello >= kFullPing;
  if (full) peer.last_full_hello = now.time;
  for (PeerPath& entry : peer.paths) {
    const Path& path = *entry.path;
    if (!entry.is_usable(now.time) || is_spare(peer, entry, now.time)) continue;
    if (!full && now.time - path.last_send < idle) continue;
    entry.ask(now.time);
    greeting_.probe(now, peer, path.key.socket, path.key.remote,
                    full ? Greeting::Probe::Full : Greeting::Probe::Light, out);
  }
}

void Keepalive::greet_endpoints(Now now, Peer& peer, const Roots::Root& root, Families families,
                                Outbox& out, const Endpoint& except) {
  bool sent = static_cast<bool>(except);
  for (const IpFamily family : {IpFamily::V4, IpFamily::V6}) {
    if (families == Families::Missing && has_usable_path(peer, family, now.time)) {
      sent = true;
      continue;
    }
    std::vector<Endpoint> candidates;
    for (const Endpoint& endpoint : root.endpoints) {
      if (endpoint.ip.family() == family && endpoint != except) candidates.push_back(endpoint);
    }
    if (candidates.empty()) continue;
    const Endpoint& chosen = candidates[core_.random.below(candidates.size())];
    greeting_.hello(now, peer, kAnySocket, chosen, out);
    sent = true;
  }
  if (!sent) greeting_.hello_through_root(now, peer, out);
}

// Those we do not know yet are asked for; the others get a deadline of their own.
void Keepalive::check_contacts(Now now, Outbox& out) {
  contacts_due_ = kNever;
  const auto check = [&](Address address) {
    if (address == core_.self.address()) return;
    if (Peer* peer = core_.topology.find(address)) return arm(*peer, now.time);
    exchange_.look_up(now, address, AskedBy::Schedule, out);
    contacts_due_ = now.time + core_.ping_check();
  };
  for (const Address address : core_.always_contact) check(address);
  for (const Address seed : core_.roots.seeds()) check(seed);
}

// Before the last path goes it is written down: should the peer be wanted again, perhaps after a
// restart, that is where to look for it first.
void Keepalive::drop_expired_paths(Peer& peer, Time now, Outbox& out) {
  if (peer.paths.empty()) return;
  if (!has_path(peer, now)) {
    store_peer(peer, out);
    const bool may_be_forgotten = !core_.roots.contains(peer.address());
    if (may_be_forgotten && peer.protocol != 0) core_.archive.put(CachedPeer::of(peer));
  }
  core_.topology.drop_expired_paths(peer, now);
}

void Keepalive::store_peer(const Peer& peer, Outbox& out) {
  if (peer.protocol == 0 || peer.paths.empty()) return;  // says nothing that WHOIS would not
  out.store({StoredKind::Peer, peer.address().number(), 0, false, CachedPeer::of(peer).bytes()});
}

void Keepalive::forget(Peer& peer) {
  log(LogArea::Vl1, LogLevel::Debug, "peer={} forgotten: not heard of for {} s",
      peer.address().text(), kPeerTimeout.count() / 1000);
  core_.topology.forget(peer.address());
}

bool Keepalive::is_contact(Address address) const {
  const auto& all = core_.always_contact;
  return std::binary_search(all.begin(), all.end(), address) || core_.roots.is_seed(address);
}

Time Keepalive::next_deadline(const Peer& peer, Time now) const {
  Time next = kNever;
  Time idle_since = kNever;  // of the path that has been silent for longest
  for (const PeerPath& entry : peer.paths) {
    next = std::min(next, entry.last_authentic + kPathExpiry);
    if (entry.is_usable(now) && !is_spare(peer, entry, now)) {
      idle_since = std::min(idle_since, entry.path->last_send);
    }
  }
  const bool reachable = idle_since != kNever;
  if (core_.roots.contains(peer.address())) {
    next = std::min(next, next_for_root(peer, now));
  } else {
    next = std::min(next, std::max(peer.last_receive, peer.created) + kPeerTimeout);
    if (is_contact(peer.address())) {
      next = std::min(
          next, reachable ? std::min(peer.last_full_hello + kFullPing, idle_since + kLeafAlwaysPing)
                          : peer.last_attempt + kLeafAlwaysPing);
    }
  }
  if (reachable && peer.is_active(now)) {
    next = std::min({next, peer.last_full_hello + kFullPing, idle_since + core_.keepalive_idle()});
  }
  return next;
}

Time Keepalive::next_for_root(const Peer& peer, Time now) const {
  const PeerPath* best = best_path(peer, now);
  if (best == nullptr) return peer.last_attempt + core_.ping_check();
  Time next = std::min(peer.last_full_hello + kRootFullPing, peer.reassure_at);
  if (peer.is_alive(now)) next = std::min(next, peer.last_receive + kPeerTimeout);
  if (peer.leaves_unanswered(now)) {
    next = std::min(next, peer.last_attempt + kRootMapping);
  } else if (peer.asked_since != kNever) {
    next = std::min(next, peer.asked_since + kAnswerTime);
  }
  const bool relays = core_.roots.best(core_.topology, now) == &peer;
  return relays ? std::min(next, mapping_due(peer, *best->path)) : next;
}

bool Keepalive::is_online(Time now) const {
  if (core_.roots.contains_self()) return true;
  return std::any_of(core_.roots.all().begin(), core_.roots.all().end(), [&](const auto& root) {
    const Peer* peer = core_.topology.find(root.address());
    return peer != nullptr && peer->is_alive(now);
  });
}

void Keepalive::update_online(Now now, Outbox& out) {
  const bool online = is_online(now.time);
  if (online == online_) return;
  online_ = online;
  log(LogArea::Vl1, LogLevel::Info, "{}", online ? "online" : "offline: no root answers");
  out.event(OnlineChanged{online});
}

}  // namespace ztshim::vl1
