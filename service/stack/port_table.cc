#include "service/stack/port_table.h"

#include <algorithm>

namespace ztshim::stack {
namespace {

// Linux' ephemeral range, as for TCP.
constexpr unsigned kFirstEphemeral = 32768, kLastEphemeral = 60999;

bool takes_family(const Claim& claim, const IpAddress& ip) {
  return ip.is_v4() ? claim.takes_v4 : claim.takes_v6;
}

bool overlap(const Claim& a, const Claim& b) {
  const bool share_family = (a.takes_v4 && b.takes_v4) || (a.takes_v6 && b.takes_v6);
  return share_family && (!a.local || !b.local || a.local == b.local) &&
         (!a.interface || !b.interface || a.interface == b.interface);
}

bool is_for(const Claim& claim, const DatagramNames& names) {
  return takes_family(claim, names.to.ip) && (!claim.local || claim.local == names.to.ip) &&
         (!claim.peer || (claim.peer.ip == names.from.ip && claim.peer.port == names.from.port)) &&
         (!claim.interface || *claim.interface == names.interface);
}

// The more a claim says, the better its right. A socket of the family alone goes before one that
// takes both.
int weight(const Claim& claim) {
  return (claim.local ? 8 : 0) + (claim.peer ? 4 : 0) + (claim.interface ? 2 : 0) +
         (claim.takes_v4 != claim.takes_v6 ? 1 : 0);
}

std::size_t hash_of(const DatagramNames& names) {
  return (std::hash<Endpoint>{}(names.from) * 31 + std::hash<Endpoint>{}(names.to)) *
             0x9e3779b97f4a7c15ULL >>
         32;
}

}  // namespace

const std::vector<PortTable::Entry>* PortTable::at(std::uint16_t port) const {
  const auto found = ports_.find(port);
  return found == ports_.end() ? nullptr : &found->second;
}

bool PortTable::is_free(const Claim& claim) const {
  const auto* const entries = at(claim.port);
  if (entries == nullptr) return true;
  return std::none_of(entries->begin(), entries->end(), [&](const Entry& entry) {
    const bool both_reuse = entry.claim.reuse_address && claim.reuse_address;
    const bool both_share = entry.claim.reuse_port && claim.reuse_port;
    return overlap(entry.claim, claim) && !both_reuse && !both_share;
  });
}

Result<std::uint16_t> PortTable::enter(DatagramReceiver& receiver, Claim claim) {
  if (claim.port == 0) {
    constexpr unsigned kCount = kLastEphemeral - kFirstEphemeral + 1;
    const unsigned start = random_();
    Claim alone = claim;  // nobody shares a port that was not asked for
    alone.reuse_address = alone.reuse_port = false;
    for (unsigned i = 0; i < kCount && claim.port == 0; ++i) {
      alone.port = static_cast<std::uint16_t>(kFirstEphemeral + (start + i) % kCount);
      if (is_free(alone)) claim.port = alone.port;
    }
    if (claim.port == 0) return failure(std::errc::address_in_use);
  } else if (!is_free(claim)) {
    return failure(std::errc::address_in_use);
  }
  ports_[claim.port].push_back({&receiver, claim});
  return claim.port;
}

void PortTable::change(DatagramReceiver& receiver, const Claim& claim) {
  const auto found = ports_.find(claim.port);
  if (found == ports_.end()) return;
  for (Entry& entry : found->second) {
    if (entry.receiver == &receiver) entry.claim = claim;
  }
}

void PortTable::leave(DatagramReceiver& receiver, std::uint16_t port) {
  const auto found = ports_.find(port);
  if (found == ports_.end()) return;
  std::erase_if(found->second, [&](const Entry& entry) { return entry.receiver == &receiver; });
  if (found->second.empty()) ports_.erase(found);
}

DatagramReceiver* PortTable::find(const DatagramNames& names) const {
  const auto* const entries = at(names.to.port);
  if (entries == nullptr) return nullptr;
  const Entry* best = nullptr;
  int best_weight = -1;
  std::size_t sharing = 0;  // of equal rights, by SO_REUSEPORT
  for (const Entry& entry : *entries) {
    if (!is_for(entry.claim, names)) continue;
    const int own_weight = weight(entry.claim);
    if (own_weight < best_weight) continue;
    if (own_weight > best_weight) sharing = 0;
    best = &entry;  // of several by SO_REUSEADDR the last one
    best_weight = own_weight;
    if (entry.claim.reuse_port) ++sharing;
  }
  if (best == nullptr) return nullptr;
  if (sharing < 2 || !best->claim.reuse_port) return best->receiver;
  std::size_t chosen = hash_of(names) % sharing;
  for (const Entry& entry : *entries) {
    if (!entry.claim.reuse_port || !is_for(entry.claim, names) ||
        weight(entry.claim) != best_weight)
      continue;
    if (chosen-- == 0) return entry.receiver;
  }
  return best->receiver;
}

std::vector<DatagramReceiver*> PortTable::find_all(const DatagramNames& names) const {
  std::vector<DatagramReceiver*> all;
  if (const auto* const entries = at(names.to.port)) {
    for (const Entry& entry : *entries) {
      if (is_for(entry.claim, names)) all.push_back(entry.receiver);
    }
  }
  return all;
}

}  // namespace ztshim::stack
