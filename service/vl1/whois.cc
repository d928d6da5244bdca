#include "service/vl1/whois.h"

#include <algorithm>

#include "service/vl1/constants.h"

namespace ztshim::vl1 {

bool Lookups::want(Address address, AskedBy by, Time now) {
  auto found = wanted_.find(address);
  if (found == wanted_.end()) {
    if (wanted_.size() >= kLookups) due(now);  // makes room by forgetting
    if (wanted_.size() >= kLookups) return false;
    if (by == AskedBy::Stranger && for_strangers_ >= kLookupsForStrangers) return false;
    found = wanted_.emplace(address, Lookup{}).first;
    found->second.by = by;
    if (by == AskedBy::Stranger) ++for_strangers_;
  }
  Lookup& lookup = found->second;
  const bool matters_more = by == AskedBy::Us || lookup.by == AskedBy::Schedule;
  if (matters_more && lookup.by != by) {
    if (lookup.by == AskedBy::Stranger) --for_strangers_;
    if (by == AskedBy::Stranger) ++for_strangers_;
    lookup.by = by;
  }
  lookup.until = now + kQueueTime;
  if (now - lookup.asked < kWhoisRetry) return false;
  lookup.asked = now;
  deadline_ = std::min(deadline_, lookup.deadline());
  return true;
}

void Lookups::answered(Address address) {
  const auto found = wanted_.find(address);
  if (found != wanted_.end()) forget(found);
}

Lookups::Table::iterator Lookups::forget(Table::iterator lookup) {
  if (lookup->second.by == AskedBy::Stranger) --for_strangers_;
  const auto next = wanted_.erase(lookup);
  if (wanted_.empty()) deadline_ = kNever;
  return next;
}

std::vector<Address> Lookups::due(Time now) {
  std::vector<Address> ask;
  Time next = kNever;
  for (auto it = wanted_.begin(); it != wanted_.end();) {
    Lookup& lookup = it->second;
    if (now >= lookup.until) {
      it = forget(it);
      continue;
    }
    if (lookup.is_due(now)) {
      lookup.asked = now;
      ask.push_back(it->first);
    }
    next = std::min(next, lookup.deadline());
    ++it;
  }
  deadline_ = next;
  std::sort(ask.begin(), ask.end());  // the same order in every run
  return ask;
}

std::vector<Address> Lookups::all(Time now) {
  for (auto& [address, lookup] : wanted_) lookup.asked = kLongAgo;
  std::vector<Address> ask = due(now);
  for (auto& [address, lookup] : wanted_) {
    if (lookup.by != AskedBy::Schedule) continue;
    lookup.asked = now;
    ask.push_back(address);
  }
  std::sort(ask.begin(), ask.end());
  return ask;
}

bool OutgoingQueue::push(Packet packet) {
  const bool full = packets_.size() >= kQueueLength;
  if (full) packets_.pop_front();
  packets_.push_back(std::move(packet));
  return full;
}

std::deque<OutgoingQueue::Packet> OutgoingQueue::take(Time now) {
  expire(now);
  std::deque<Packet> all;
  all.swap(packets_);
  return all;
}

void OutgoingQueue::expire(Time now) {
  std::erase_if(packets_, [&](const Packet& packet) { return now >= packet.until; });
}

void IncomingQueue::expire(Time now) {
  std::erase_if(packets_, [&](const Packet& packet) { return now >= packet.until; });
}

bool IncomingQueue::push(Packet packet, Time now) {
  expire(now);
  const auto of_source = [&](const Packet& p) { return p.source == packet.source; };
  const auto held = std::count_if(packets_.begin(), packets_.end(), of_source);
  bool dropped = true;
  if (held >= static_cast<std::ptrdiff_t>(kWaitingPerSource)) {
    packets_.erase(std::find_if(packets_.begin(), packets_.end(), of_source));
  } else if (packets_.size() >= kQueueLength) {
    packets_.pop_front();
  } else {
    dropped = false;
  }
  packets_.push_back(std::move(packet));
  return dropped;
}

std::vector<IncomingQueue::Packet> IncomingQueue::take(Address source, Time now) {
  std::vector<Packet> taken;
  for (Packet& packet : packets_) {
    if (packet.source == source && now < packet.until) taken.push_back(std::move(packet));
  }
  std::erase_if(packets_, [&](const Packet& p) { return p.source == source || now >= p.until; });
  return taken;
}

}  // namespace ztshim::vl1
