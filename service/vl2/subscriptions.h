// Who listens to which multicast group, of all networks: what MULTICAST_LIKE and gather results
// told us. Members use it to spread their multicasts, roots and controllers to answer gathers.
// Nobody unsubscribes; entries expire. Notes: vl2 9.1.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/time.h"
#include "service/vl2/constants.h"
#include "service/wire/mac.h"
#include "service/wire/network_id.h"

namespace ztshim::vl2 {

struct GroupKey {
  NetworkId network;
  MulticastGroup group;
  bool operator==(const GroupKey&) const = default;
};
struct GroupKeyHash {
  std::size_t operator()(const GroupKey& key) const noexcept {
    const std::uint64_t mac = key.group.mac.number() * 0x9e3779b97f4a7c15ULL;
    return std::hash<NetworkId>{}(key.network) ^ mac ^
           (std::uint64_t{key.group.adi} * 0xc2b2ae3d27d4eb4fULL);
  }
};

class Subscriptions {
 public:
  struct Entry {
    Address member;
    Time last_seen;
  };

  explicit Subscriptions(std::size_t max_total = kMaxSubscriptions,
                         std::size_t max_per_node = kMaxSubscriptionsPerNode)
      : max_total_(max_total), max_per_node_(max_per_node) {}

  // True when this is news. Refused silently when a table is full.
  bool add(Time now, const GroupKey& key, Address member);
  void remove(const GroupKey& key, Address member);
  // In ascending order of their addresses; valid until the next change.
  std::span<const Entry> members(const GroupKey& key) const;
  void expire(Time now);
  bool empty() const { return groups_.empty(); }
  std::size_t size() const { return total_; }

 private:
  void forgot(Address member);

  std::unordered_map<GroupKey, std::vector<Entry>, GroupKeyHash> groups_;
  std::unordered_map<Address, std::size_t> per_node_;
  std::size_t total_ = 0;
  std::size_t max_total_;
  std::size_t max_per_node_;
};

}  // namespace ztshim::vl2
