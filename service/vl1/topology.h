// All peers, and the paths they are reached by. Nothing here decides or sends.
#pragma once

#include <memory>
#include <unordered_map>

#include "service/vl1/path.h"
#include "service/vl1/peer.h"

namespace ztshim::vl1 {

class Topology {
 public:
  explicit Topology(const Identity& own, std::size_t capacity = kMaxPeers)
      : own_(own), capacity_(capacity) {}

  Peer* find(Address address) {
    const auto found = peers_.find(address);
    return found == peers_.end() ? nullptr : found->second.get();
  }
  const Peer* find(Address address) const { return const_cast<Topology*>(this)->find(address); }
  // The peer of this identity, made if need be. nullptr when the address belongs to another
  // identity or to ourselves, is reserved, when no key can be agreed, or when the table is full.
  Peer* add(const Identity& identity, Time now);
  void forget(Address address);

  Path* find_path(const PathKey& key) { return paths_.find(key); }
  // The peer's entry for this path, or nullptr.
  static PeerPath* entry_of(Peer& peer, const PathKey& key);
  // A live path of the peer that differs from `key` in the remote port alone, or nullptr.
  static const PeerPath* live_twin_of(const Peer& peer, const PathKey& key, Time now);
  // Makes the path one of the peer's: in place of one with the same IP and socket, as a new one, or
  // in place of the one that was silent for longest (vl1-behaviour 6, 2.4).
  PeerPath& learn_path(Peer& peer, const PathKey& key, Time now);
  void drop_expired_paths(Peer& peer, Time now) {
    drop_paths(peer, [&](const PeerPath& entry) { return !entry.is_usable(now); });
  }
  template <typename Condition>
  void drop_paths(Peer& peer, Condition condition) {
    std::erase_if(peer.paths, [&](const PeerPath& entry) {
      if (!condition(entry)) return false;
      paths_.release(*entry.path);
      return true;
    });
  }

  template <typename Visit>
  void for_each(Visit visit) {
    for (auto& [address, peer] : peers_) visit(*peer);
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [address, peer] : peers_) visit(static_cast<const Peer&>(*peer));
  }
  std::size_t size() const { return peers_.size(); }
  std::size_t path_count() const { return paths_.size(); }

 private:
  const Identity& own_;
  std::size_t capacity_;
  std::unordered_map<Address, std::unique_ptr<Peer>> peers_;
  PathTable paths_;
};

}  // namespace ztshim::vl1
