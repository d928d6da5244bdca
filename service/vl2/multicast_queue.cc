#include "service/vl2/multicast_queue.h"

namespace ztshim::vl2 {

MulticastQueue::Group& MulticastQueue::group(Time now, const GroupKey& key) {
  auto found = groups_.find(key);
  if (found == groups_.end()) {
    if (groups_.size() >= kMaxPendingGroups) {
      groups_.erase(std::min_element(
          groups_.begin(), groups_.end(),
          [](const auto& a, const auto& b) { return a.second.last_used < b.second.last_used; }));
    }
    found = groups_.try_emplace(key).first;
  }
  found->second.last_used = now;
  return found->second;
}

void MulticastQueue::push(Time now, const GroupKey& key, PendingMulticast frame) {
  auto& frames = group(now, key).frames;
  std::erase_if(frames, [now](const auto& old) { return now - old.since >= kMulticastPending; });
  if (frames.size() >= kMulticastQueue) frames.erase(frames.begin());
  frames.push_back(std::move(frame));
}

std::vector<PendingMulticast>* MulticastQueue::waiting(const GroupKey& key) {
  const auto found = groups_.find(key);
  return found == groups_.end() || found->second.frames.empty() ? nullptr : &found->second.frames;
}

bool MulticastQueue::start_gather(Time now, const GroupKey& key, Duration spacing) {
  Group& asked = group(now, key);
  if (now - asked.last_gather < spacing) return false;
  asked.last_gather = now;
  return true;
}

void MulticastQueue::expire(Time now) {
  const auto is_old = [now](const auto& frame) { return now - frame.since >= kMulticastPending; };
  for (auto& [key, group] : groups_) std::erase_if(group.frames, is_old);
  std::erase_if(groups_, [now](const auto& entry) {
    return entry.second.frames.empty() && now - entry.second.last_gather >= kSlowGatherEvery;
  });
}

void MulticastQueue::forget(NetworkId network) {
  std::erase_if(groups_, [network](const auto& entry) { return entry.first.network == network; });
}

}  // namespace ztshim::vl2
