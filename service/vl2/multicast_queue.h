// Multicast frames that may still go to more members: kept for a few seconds while the members of
// their group become known. Also remembers when a group was last gathered for. Notes: vl2 9.3.
#pragma once

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "service/vl2/ethernet.h"
#include "service/vl2/subscriptions.h"

namespace ztshim::vl2 {

struct PendingMulticast {
  MacAddress destination;
  MacAddress source;
  std::uint16_t ether_type = 0;
  Bytes payload;
  Time since;
  std::uint32_t gather_limit = 0;
  std::size_t limit = 0;      // recipients in all
  std::vector<Address> sent;  // recipients so far
  Address origin;             // of a replicated frame: not sent back there

  EthernetFrame frame() const { return {destination, source, ether_type, payload}; }
  bool may_go_to(Time now, Address member) const {
    return now - since < kMulticastPending && sent.size() < limit && member != origin &&
           std::find(sent.begin(), sent.end(), member) == sent.end();
  }
};

class MulticastQueue {
 public:
  void push(Time now, const GroupKey& key, PendingMulticast frame);
  // The frames waiting for members of this group, nullptr if none. Valid until the next change.
  std::vector<PendingMulticast>* waiting(const GroupKey& key);
  // Is it time to ask who listens to this group, if `spacing` lies between two questions? Notes
  // that it was done.
  bool start_gather(Time now, const GroupKey& key, Duration spacing);
  void expire(Time now);
  void forget(NetworkId network);
  bool empty() const { return groups_.empty(); }

 private:
  struct Group {
    std::vector<PendingMulticast> frames;
    Time last_gather = kLongAgo;
    Time last_used = kLongAgo;
  };
  Group& group(Time now, const GroupKey& key);

  std::unordered_map<GroupKey, Group, GroupKeyHash> groups_;
};

}  // namespace ztshim::vl2
