#include "service/vl1/roaming.h"

#include <algorithm>

namespace ztshim::vl1 {

// Whom we would keep in touch with anyway. As a root that is everybody: its clients notice nothing
// for minutes.
bool Roaming::matters(const Peer& peer, Time now) const {
  return peer.is_active(now) || core_.roots.contains(peer.address()) ||
         keepalive_.is_contact(peer.address()) ||
         (core_.roots.contains_self() && peer.is_alive(now));
}

template <typename Condition>
std::vector<Endpoint> Roaming::drop_paths(Peer& peer, Condition condition) {
  std::vector<Endpoint> places;
  core_.topology.drop_paths(peer, [&](const PeerPath& entry) {
    if (!condition(entry)) return false;
    const Endpoint& place = entry.path->key.remote;
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
    return true;
  });
  return places;
}

void Roaming::on_sockets(Now now, const LocalSockets::Change& change, Outbox& out) {
  const auto is_gone = [&](const PeerPath& entry) {
    return std::find(change.gone.begin(), change.gone.end(), entry.path->key.socket) !=
           change.gone.end();
  };
  for (const LocalSocket socket : change.gone) core_.surface.forget(socket);
  // A greeting that just went out did not go out from here.
  if (!change.added.empty()) {
    for (const Roots::Root& root : core_.roots.all()) {
      if (Peer* peer = core_.topology.find(root.address())) peer->last_attempt = kLongAgo;
    }
  }
  core_.topology.for_each([&](Peer& peer) {
    const std::vector<Endpoint> lost =
        change.gone.empty() ? std::vector<Endpoint>{} : drop_paths(peer, is_gone);
    if (!matters(peer, now.time)) return;
    peer.last_push = kLongAgo;
    if (!lost.empty() && best_path(peer, now.time) == nullptr) {
      greet_again(now, peer, lost, out);
    } else {
      show(now, peer, change.added, out);
    }
    keepalive_.arm(peer, now.time);
  });
  keepalive_.greet_roots_anew(now, out);
}

void Roaming::on_external_addresses() {
  core_.topology.for_each([](Peer& peer) { peer.last_push = kLongAgo; });
}

void Roaming::on_resume(Now now, Outbox& out) {
  core_.topology.for_each([&](Peer& peer) {
    if (matters(peer, now.time)) show(now, peer, {}, out);
  });
  keepalive_.greet_roots_anew(now, out);
}

void Roaming::on_rules(Now now, Outbox& out) {
  core_.topology.for_each([&](Peer& peer) {
    const std::vector<Endpoint> lost = drop_paths(peer, [&](const PeerPath& entry) {
      return !core_.rules.permits(peer.address(), entry.path->key.remote.ip);
    });
    if (!lost.empty()) keepalive_.arm(peer, now.time);
  });
  keepalive_.greet_roots_anew(now, out);
}

// Roots are greeted where the worlds list them, by greet_roots_anew.
void Roaming::greet_again(Now now, Peer& peer, const std::vector<Endpoint>& places, Outbox& out) {
  if (core_.roots.contains(peer.address())) return;
  for (const Endpoint& place : places) greeting_.hello(now, peer, kAnySocket, place, out);
}

void Roaming::show(Now now, Peer& peer, const std::vector<LocalSocket>& added, Outbox& out) {
  for (const PeerPath& entry : peer.paths) {
    if (!entry.is_usable(now.time)) continue;
    const PathKey& key = entry.path->key;
    greeting_.probe(now, peer, key.socket, key.remote, Greeting::Probe::Light, out);
  }
  const PeerPath* best = best_path(peer, now.time);
  if (best == nullptr) return;
  const Endpoint place = best->path->key.remote;
  for (const LocalSocket socket : added) greeting_.hello(now, peer, socket, place, out);
}

}  // namespace ztshim::vl1
