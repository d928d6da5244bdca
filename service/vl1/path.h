// One way to reach a node: a local socket and a remote endpoint. A path is shared by all peers that
// are reached through it (a root's path carries packets of many). Notes: vl1-behaviour 1, 5.
#pragma once

#include <memory>
#include <unordered_map>

#include "common/endpoint.h"
#include "common/time.h"
#include "service/vl1/constants.h"
#include "service/vl1/outbox.h"

namespace ztshim::vl1 {

struct PathKey {
  LocalSocket socket = kAnySocket;
  Endpoint remote;

  PathKey() = default;
  PathKey(LocalSocket local, const Endpoint& far) : socket(local), remote(far) {}
  explicit PathKey(const Arrival& arrival) : socket(arrival.socket), remote(arrival.remote) {}
  bool operator==(const PathKey&) const = default;
  std::size_t hash() const { return std::hash<Endpoint>{}(remote)*31 + socket; }
};

struct Path {
  PathKey key;
  Time last_receive = kLongAgo;  // of any datagram, authentic or not
  Time last_send = kLongAgo;
  Time last_trust = kLongAgo;  // of a packet that establishes trust
  int latency_ms = -1;         // -1: not measured
  unsigned users = 0;          // peers that have learned it

  bool is_alive(Time now) const { return now - last_receive < kPathAlive; }
  bool has_trust(Time now) const { return now - last_trust < kTrustTime; }
  // The first measurement is taken as it is, later ones are averaged in.
  void measured(int latency) { latency_ms = latency_ms < 0 ? latency : (latency_ms + latency) / 2; }
};

// Owns the paths that some peer has learned: only answers to our own packets create one, so
// strangers cannot grow the table.
class PathTable {
 public:
  Path* find(const PathKey& key) {
    const auto found = paths_.find(key);
    return found == paths_.end() ? nullptr : found->second.get();
  }
  // The path of this key with one user more; stays where it is until the last user lets go.
  Path& acquire(const PathKey& key) {
    std::unique_ptr<Path>& path = paths_[key];
    if (!path) {
      path = std::make_unique<Path>();
      path->key = key;
    }
    ++path->users;
    return *path;
  }
  void release(Path& path) {
    if (--path.users == 0) paths_.erase(PathKey(path.key));
  }
  std::size_t size() const { return paths_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const PathKey& key) const { return key.hash(); }
  };
  std::unordered_map<PathKey, std::unique_ptr<Path>, Hash> paths_;
};

}  // namespace ztshim::vl1
