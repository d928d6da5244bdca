#include "service/vl1/topology.h"

#include <algorithm>

namespace ztshim::vl1 {

Peer* Topology::add(const Identity& identity, Time now) {
  const Address address = identity.address();
  if (address.is_reserved() || address == own_.address()) return nullptr;
  if (Peer* known = find(address)) return known->identity == identity ? known : nullptr;
  if (peers_.size() >= capacity_) return nullptr;
  const auto key = own_.agree(identity);
  if (!key) return nullptr;
  return peers_.emplace(address, std::make_unique<Peer>(identity, *key, now)).first->second.get();
}

void Topology::forget(Address address) {
  const auto found = peers_.find(address);
  if (found == peers_.end()) return;
  for (PeerPath& entry : found->second->paths) paths_.release(*entry.path);
  peers_.erase(found);
}

namespace {

bool is_twin(const PathKey& one, const PathKey& other) {
  return one.remote.ip == other.remote.ip && one.socket == other.socket;
}

}  // namespace

PeerPath* Topology::entry_of(Peer& peer, const PathKey& key) {
  for (PeerPath& entry : peer.paths) {
    if (entry.path->key == key) return &entry;
  }
  return nullptr;
}

const PeerPath* Topology::live_twin_of(const Peer& peer, const PathKey& key, Time now) {
  for (const PeerPath& entry : peer.paths) {
    if (is_twin(entry.path->key, key) && entry.path->is_alive(now)) return &entry;
  }
  return nullptr;
}

PeerPath& Topology::learn_path(Peer& peer, const PathKey& key, Time now) {
  auto slot = std::find_if(peer.paths.begin(), peer.paths.end(),
                           [&](const PeerPath& entry) { return is_twin(entry.path->key, key); });
  if (slot == peer.paths.end() && peer.paths.size() >= kMaxPaths) {
    slot = std::min_element(peer.paths.begin(), peer.paths.end(),
                            [](const PeerPath& a, const PeerPath& b) {
                              return a.path->last_receive < b.path->last_receive;
                            });
  }
  if (slot == peer.paths.end()) {
    slot = peer.paths.insert(slot, PeerPath{});
  } else {
    paths_.release(*slot->path);
  }
  *slot = {&paths_.acquire(key), now};
  // What it answered was sent just now, too.
  slot->path->last_receive = now;
  slot->path->last_send = now;
  return *slot;
}

}  // namespace ztshim::vl1
