#include "service/vl2/subscriptions.h"

#include <algorithm>

namespace ztshim::vl2 {

namespace {
template <typename Entries>
auto place_of(Entries& entries, Address member) {
  return std::lower_bound(entries.begin(), entries.end(), member,
                          [](const auto& entry, Address wanted) { return entry.member < wanted; });
}
}  // namespace

bool Subscriptions::add(Time now, const GroupKey& key, Address member) {
  if (member.is_reserved()) return false;
  const auto group = groups_.find(key);
  if (group != groups_.end()) {
    const auto place = place_of(group->second, member);
    if (place != group->second.end() && place->member == member) {
      place->last_seen = now;
      return false;
    }
  }
  if (total_ >= max_total_) return false;
  std::size_t& count = per_node_[member];
  if (count >= max_per_node_) return false;
  ++count;
  ++total_;
  auto& entries = group != groups_.end() ? group->second : groups_[key];
  entries.insert(place_of(entries, member), Entry{member, now});
  return true;
}

void Subscriptions::forgot(Address member) {
  --total_;
  const auto count = per_node_.find(member);
  if (--count->second == 0) per_node_.erase(count);
}

void Subscriptions::remove(const GroupKey& key, Address member) {
  const auto group = groups_.find(key);
  if (group == groups_.end()) return;
  const auto place = place_of(group->second, member);
  if (place == group->second.end() || place->member != member) return;
  group->second.erase(place);
  if (group->second.empty()) groups_.erase(group);
  forgot(member);
}

std::span<const Subscriptions::Entry> Subscriptions::members(const GroupKey& key) const {
  const auto group = groups_.find(key);
  return group == groups_.end() ? std::span<const Entry>() : std::span<const Entry>(group->second);
}

void Subscriptions::expire(Time now) {
  for (auto group = groups_.begin(); group != groups_.end();) {
    auto& entries = group->second;
    const auto last = std::remove_if(entries.begin(), entries.end(), [&](const Entry& entry) {
      const bool old = now - entry.last_seen >= kLikeExpiry;
      if (old) forgot(entry.member);
      return old;
    });
    entries.erase(last, entries.end());
    group = entries.empty() ? groups_.erase(group) : std::next(group);
  }
}

}  // namespace ztshim::vl2
