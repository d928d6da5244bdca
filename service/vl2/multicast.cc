// Multicast: telling who listens to what, asking who does, and sending a frame to each of them.
// Senders spread their frames themselves; roots and controllers only answer who listens. Notes:
// vl2 9.
#include <algorithm>
#include <unordered_set>

#include "service/vl2/constants.h"
#include "service/vl2/engine.h"
#include "service/wire/messages/multicast_like.h"

namespace ztshim::vl2 {

template <typename T>
void Vl2::Engine::shuffle(std::vector<T>& items) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[static_cast<std::size_t>(random_.below(i))]);
  }
}

// Members in random order until `visit` has enough; it is likely to take about `wanted`. A small
// choice of a large group must not cost what the whole group would.
template <typename Visit>
void Vl2::Engine::visit_random(std::span<const Subscriptions::Entry> members, std::size_t wanted,
                               Visit visit) {
  if (members.size() / 4 <= wanted) {
    std::vector<Address>& all = candidates_;
    all.clear();
    for (const auto& entry : members) all.push_back(entry.member);
    shuffle(all);
    for (const Address member : all) {
      if (!visit(member)) return;
    }
    return;
  }
  // More than four times as many as are wanted: new ones are found quickly. Those that `visit` does
  // not take (bridges, the asker) are few; should they be many, a smaller choice does.
  std::unordered_set<std::size_t> seen;
  while (seen.size() < 2 * wanted) {
    const auto index = static_cast<std::size_t>(random_.below(members.size()));
    if (seen.insert(index).second && !visit(members[index].member)) return;
  }
}

// ---- announcing

// Whoever keeps the database of this network, member or not.
std::vector<Address> Vl2::Engine::always_told(const Network& network) const {
  std::vector<Address> told = vl1_->roots();
  if (!network.id().is_ad_hoc()) told.push_back(network.controller());
  if (network.config() != nullptr) {
    for (const Specialist& specialist : network.config()->specialists) {
      if (specialist.is_anchor() || specialist.is_multicast_replicator()) {
        told.push_back(specialist.address());
      }
    }
  }
  std::sort(told.begin(), told.end());
  told.erase(std::unique(told.begin(), told.end()), told.end());
  std::erase_if(told, [this](Address a) { return a == own() || a.is_reserved(); });
  return told;
}

bool Vl2::Engine::announce(Now now, Network& network, Address to,
                           const std::vector<MulticastGroup>& groups, Outbox& out) {
  bool sent = true;
  for (std::size_t i = 0; i < groups.size(); i += MulticastLike::kMaxRecords) {
    MulticastLike like;
    const std::size_t end = std::min(groups.size(), i + MulticastLike::kMaxRecords);
    for (std::size_t k = i; k < end; ++k) like.records.push_back({network.id(), groups[k]});
    sent = send(now, to, Verb::MulticastLike, write(like), true, out) && sent;
  }
  return sent;
}

bool Vl2::Engine::announce_all(Now now, Network& network, Address to, Outbox& out) {
  return announce(now, network, to, {network.groups().begin(), network.groups().end()}, out);
}

// To a keeper of the database. A node that has just started has no path to its root yet; until the
// root knows our groups nobody finds us, so the next attempt comes soon. (What waits for an
// identity VL1 sends by itself.)
void Vl2::Engine::tell_all(Now now, Network& network, Address to, Outbox& out) {
  if (announce_all(now, network, to, out) || !vl1_->is_root(to)) {
    network.last_told[to] = now.time;
    return;
  }
  next_like_check_ = std::min(next_like_check_, now.time + kLikeRetry);
  arm(next_like_check_);
}

void Vl2::Engine::announce_new(Now now, Network& network, const std::vector<MulticastGroup>& groups,
                               Outbox& out) {
  if (groups.empty() || network.config() == nullptr) return;
  const std::vector<Address> told = always_told(network);
  for (const Address address : told) {
    if (network.last_told.count(address) == 0) {
      tell_all(now, network, address, out);
    } else {
      announce(now, network, address, groups, out);
    }
  }
  for (const auto& [address, member] : network.members()) {
    const Identity* identity = vl1_->identity_of(address);
    if (identity == nullptr || std::binary_search(told.begin(), told.end(), address)) continue;
    if (member.credentials.is_member(*network.config(), *identity)) {
      announce(now, network, address, groups, out);
    }
  }
}

void Vl2::Engine::announce_due(Now now, Network& network, Outbox& out) {
  if (network.config() == nullptr || network.groups().empty()) return;
  const std::vector<Address> told = always_told(network);
  std::erase_if(network.last_told, [&](const auto& entry) {
    return !std::binary_search(told.begin(), told.end(), entry.first);
  });
  for (const Address address : told) {
    if (low_bandwidth_ && network.last_told.count(address) != 0) continue;
    const auto last = network.last_told.find(address);
    if (last != network.last_told.end() && now.time - last->second < kLikeEvery) continue;
    tell_all(now, network, address, out);
  }
  if (low_bandwidth_) return;
  for (auto& [address, member] : network.members()) {
    if (now.time - member.last_like < kLikeEvery) continue;
    if (std::binary_search(told.begin(), told.end(), address)) continue;
    const Identity* identity = vl1_->identity_of(address);
    if (identity == nullptr || !network.admits(now.time, *identity)) continue;
    member.last_like = now.time;
    announce_all(now, network, address, out);
  }
}

void Vl2::Engine::set_host_groups(Now now, NetworkId id, std::vector<MulticastGroup> groups,
                                  Outbox& out) {
  if (Network* network = find(id)) {
    announce_new(now, *network, network->set_host_groups(std::move(groups)), out);
  }
}

// ---- spreading

bool Vl2::Engine::spread_by_replicator(Now now, Network& network, const Spread& what, Outbox& out) {
  if (network.is_active_bridge() || what.origin) return false;
  Address best;
  int best_latency = 0;
  for (const Specialist& specialist : network.config()->specialists) {
    if (!specialist.is_multicast_replicator()) continue;
    if (specialist.address() == own()) return false;
    if (!vl1_->is_reachable(now.time, specialist.address())) continue;
    const int latency = vl1_->latency_ms(specialist.address());
    const int comparable = latency < 0 ? 65'535 : latency;
    if (!best || comparable < best_latency) {
      best = specialist.address();
      best_latency = comparable;
    }
  }
  if (!best) return false;
  MulticastFrame message;
  message.network = network.id();
  message.replicate = true;
  message.source = what.frame.source;
  message.group = what.key.group;
  message.ether_type = what.frame.ether_type;
  push_credentials_if_needed(now, network, best, out);
  vl1_->send(now, best, Verb::MulticastFrame, write(message), what.frame.payload,
             {.compress = network.config()->may_compress_multicast()}, out);
  return true;
}

void Vl2::Engine::send_multicast_to(Now now, Network& network, const Spread& what,
                                    std::uint32_t gather_limit, Address to, Outbox& out) {
  if (is_cut_off(now, network, to, out)) return;
  const FilterDecision decision = filter_out(network, what.frame, to);
  send_copies(now, network, what.frame, decision, false, false, out);
  if (!decision.passes()) return;
  push_credentials_if_needed(now, network, to, out);
  MulticastFrame message;
  message.network = network.id();
  message.gather_limit = gather_limit;
  if (what.explicit_source) message.source = what.frame.source;
  message.group = what.key.group;
  message.ether_type = what.frame.ether_type;
  vl1_->send(now, to, Verb::MulticastFrame, write(message), what.frame.payload,
             {.compress = network.config()->may_compress_multicast()}, out);
}

void Vl2::Engine::spread(Now now, Network& network, const Spread& what, Outbox& out) {
  if (spread_by_replicator(now, network, what, out)) return;
  const NetworkConfig& config = *network.config();
  const auto limit = static_cast<std::size_t>(config.multicast_limit);

  // Bridges first, then the group's members in random order; each at most once.
  const auto members = subscriptions_.members(what.key);
  const std::size_t known = members.size();
  std::vector<Address> chosen;
  for (const Specialist& specialist : config.specialists) {
    if (specialist.is_active_bridge() && specialist.address() != own() &&
        specialist.address() != what.origin) {
      chosen.push_back(specialist.address());
    }
  }
  const auto bridges = static_cast<std::ptrdiff_t>(chosen.size());
  visit_random(members, limit, [&](Address member) {
    const auto end = chosen.begin() + bridges;
    if (member != what.origin && std::find(chosen.begin(), end, member) == end) {
      chosen.push_back(member);
    }
    return chosen.size() < limit;
  });
  if (chosen.size() > limit) chosen.resize(limit);

  std::uint32_t gather_limit = 1;
  if (known < limit) {
    gather_limit = static_cast<std::uint32_t>(std::min<std::size_t>(limit - known + 1, 0xffffffff));
    const Duration spacing = known == 0       ? kGatherSpacing
                             : low_bandwidth_ ? kSlowGatherEvery
                                              : kGatherEvery;
    if (queue_.start_gather(now.time, what.key, spacing)) {
      gather(now, network, what.key, gather_limit, out);
    }
    PendingMulticast pending;
    pending.destination = what.frame.destination;
    pending.source = what.frame.source;
    pending.ether_type = what.frame.ether_type;
    pending.payload = to_bytes(what.frame.payload);
    pending.since = now.time;
    pending.gather_limit = gather_limit;
    pending.limit = limit;
    pending.sent = chosen;
    pending.origin = what.origin;
    queue_.push(now.time, what.key, std::move(pending));
  }
  for (const Address to : chosen) send_multicast_to(now, network, what, gather_limit, to, out);
}

void Vl2::Engine::gather(Now now, Network& network, const GroupKey& key, std::uint32_t limit,
                         Outbox& out) {
  std::vector<Address> specialists;
  for (const Specialist& specialist : network.config()->specialists) {
    if (specialist.is_anchor() || specialist.is_multicast_replicator()) {
      specialists.push_back(specialist.address());
    }
  }
  shuffle(specialists);
  std::vector<Address> asked{vl1_->best_root(now.time)};
  if (!network.id().is_ad_hoc()) asked.push_back(network.controller());
  asked.insert(asked.end(), specialists.begin(), specialists.end());

  MulticastGather message;
  message.network = key.network;
  message.group = key.group;
  message.limit = limit;
  message.membership = network.config()->membership;
  const ByteView payload = write(message);
  std::vector<Address> done;
  for (const Address to : asked) {
    if (to.is_reserved() || to == own() || done.size() >= kGatherPeers) continue;
    if (std::find(done.begin(), done.end(), to) != done.end()) continue;
    done.push_back(to);
    send(now, to, Verb::MulticastGather, payload, false, out);
  }
}

// ---- learning

// Frames that wait for members of the group go to a new one at once.
void Vl2::Engine::learn_subscription(Now now, const GroupKey& key, Address member, Outbox& out) {
  if (member == own() || !subscriptions_.add(now.time, key, member)) return;
  Network* network = find(key.network);
  std::vector<PendingMulticast>* waiting = queue_.waiting(key);
  if (network == nullptr || network->config() == nullptr || waiting == nullptr) return;
  for (PendingMulticast& pending : *waiting) {
    if (!pending.may_go_to(now.time, member)) continue;
    pending.sent.push_back(member);
    const bool explicit_source = pending.source != network->mac();
    send_multicast_to(now, *network, {key, pending.frame(), explicit_source, pending.origin},
                      pending.gather_limit, member, out);
  }
}

void Vl2::Engine::on_gather_results(Now now, const GroupKey& key, const GatherResults& results,
                                    Outbox& out) {
  if (find(key.network) == nullptr) {
    ++counters_.not_joined;
    return;
  }
  for (const Address member : results.members) learn_subscription(now, key, member, out);
}

// Roots keep everybody's subscriptions; a controller those of members it serves; members those of
// other members (vl2 6.3).
bool Vl2::Engine::may_use_database(Now now, NetworkId id, const Identity& peer, Outbox& out) {
  Network* network = find(id);
  if (network != nullptr && gate(now, *network, peer, out)) return true;
  return vl1_->is_root() ||
         (authority_ != nullptr && authority_->is_authorized(now, id, peer.address()));
}

void Vl2::Engine::count_outsider(NetworkId id) {
  if (Network* network = find(id)) {
    ++network->counters.no_certificate;
  } else {
    ++counters_.not_joined;
  }
}

// Trust is for accepted frames and credentials (vl2 12): whoever only announces groups gets no push
// of our addresses, which would be tried and answered every two minutes for nothing.
vl1::Verdict Vl2::Engine::on_multicast_like(Now now, const Incoming& packet, Outbox& out) {
  const auto like = MulticastLike::parse(packet.payload);
  if (!like) {
    ++counters_.malformed;
    return Verdict::Done;
  }
  NetworkId last;
  bool allowed = false;
  for (const MulticastLike::Record& record : like->records) {
    if (record.network != last) {
      last = record.network;
      allowed = may_use_database(now, last, packet.source, out);
    }
    if (!allowed) {
      count_outsider(record.network);
      continue;
    }
    learn_subscription(now, {record.network, record.group}, packet.source.address(), out);
  }
  return Verdict::Done;
}

vl1::Verdict Vl2::Engine::on_multicast_gather(Now now, const Incoming& packet, Outbox& out) {
  const auto question = MulticastGather::parse(packet.payload);
  if (!question) {
    ++counters_.malformed;
    return Verdict::Done;
  }
  Network* network = find(question->network);
  if (network != nullptr && question->membership) {
    accept_inline(now, *network, *question->membership, out);
  }
  if (!may_use_database(now, question->network, packet.source, out)) {
    count_outsider(question->network);
    return Verdict::Done;
  }
  OkMulticastGather answer;
  answer.network = question->network;
  answer.group = question->group;
  if (collect({question->network, question->group}, question->limit, packet.source.address(),
              answer.results)) {
    vl1_->reply_ok(now, packet, Verb::MulticastGather, write(answer), {}, out);
  }
  const bool trusted =
      network != nullptr && question->membership && gate(now, *network, packet.source, out);
  return trusted ? Verdict::Trusted : Verdict::Done;
}

// Ourselves first, then random members; not the asker. False when there is nobody.
bool Vl2::Engine::collect(const GroupKey& key, std::uint32_t limit, Address asker,
                          GatherResults& results) {
  const std::size_t room = std::min<std::size_t>(limit, kGatherAnswer);
  const Network* network = find(key.network);
  const bool listening = network != nullptr && network->listens_to(key.group);
  const auto members = subscriptions_.members(key);
  results.total_known = static_cast<std::uint32_t>(members.size() + (listening ? 1 : 0));
  results.members.clear();
  if (room == 0) return false;
  if (listening) results.members.push_back(own());

  visit_random(members, room, [&](Address member) {
    if (member != asker && results.members.size() < room) results.members.push_back(member);
    return results.members.size() < room;
  });
  return !results.members.empty();
}

// Needed in frames_out.cc.
template void Vl2::Engine::shuffle(std::vector<Address>&);

}  // namespace ztshim::vl2
