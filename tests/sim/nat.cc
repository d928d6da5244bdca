#include "tests/sim/nat.h"

#include <algorithm>

namespace ztshim::sim {

void Nat::forget() {
  mappings_.clear();
  ports_.clear();
  untranslated_.clear();
}

Endpoint Nat::outbound(const Endpoint& inside, const Endpoint& to, Time now) {
  if (!translates(inside.ip.family())) {
    untranslated_[inside][to] = now;
    return inside;
  }
  const Key key{inside, is_per_destination() ? to : Endpoint{}};
  Mapping& mapping = mapping_for(key, now);
  mapping.used = now;
  mapping.sent_to[to] = now;
  return {outside_, ports_.at(key)};
}

// The mapping of this key; a dead one is not revived, its port is not used again.
Nat::Mapping& Nat::mapping_for(const Key& key, Time now) {
  if (const auto port = ports_.find(key); port != ports_.end()) {
    const auto held = mappings_.find({port->second, key.second});
    if (!is_dead(held->second.used, now)) return held->second;
    mappings_.erase(held);
    ports_.erase(port);
  }
  const std::uint16_t port = choose_port(key, now);
  ports_[key] = port;
  return mappings_[{port, key.second}] = {key, {}, now};
}

std::uint16_t Nat::choose_port(const Key& key, Time now) {
  if (kind_ != Kind::Masquerade) return next_port_++;
  const std::uint16_t wanted = key.first.port;
  const auto held = mappings_.find({wanted, key.second});
  if (held == mappings_.end()) return wanted;
  if (!is_dead(held->second.used, now)) return next_port_++;
  ports_.erase(held->second.key);
  mappings_.erase(held);
  return wanted;
}

const Nat::Mapping* Nat::mapping_at(std::uint16_t port, const Endpoint& from, Time now) const {
  const auto found = mappings_.find({port, is_per_destination() ? from : Endpoint{}});
  if (found == mappings_.end() || is_dead(found->second.used, now)) return nullptr;
  return &found->second;
}

bool Nat::is_open(const std::map<Endpoint, Time>& sent_to, const Endpoint& from, Time now) const {
  if (kind_ == Kind::FullCone) return true;
  return std::any_of(sent_to.begin(), sent_to.end(), [&](const auto& sent) {
    const bool same =
        kind_ == Kind::AddressRestricted ? sent.first.ip == from.ip : sent.first == from;
    return same && !is_dead(sent.second, now);
  });
}

std::optional<Endpoint> Nat::inbound(std::uint16_t port, const Endpoint& from, Time now) const {
  const Mapping* mapping = mapping_at(port, from, now);
  if (mapping == nullptr || !is_open(mapping->sent_to, from, now)) return std::nullopt;
  return mapping->key.first;
}

std::optional<Endpoint> Nat::owner(std::uint16_t port, Time now) const {
  const auto first = mappings_.lower_bound({port, Endpoint{}});
  for (auto it = first; it != mappings_.end() && it->first.first == port; ++it) {
    if (!is_dead(it->second.used, now)) return it->second.key.first;
  }
  return std::nullopt;
}

bool Nat::admits(const Endpoint& inside, const Endpoint& from, Time now) const {
  const auto known = untranslated_.find(inside);
  return known != untranslated_.end() && is_open(known->second, from, now);
}

std::size_t Nat::mappings(Time now) const {
  return static_cast<std::size_t>(
      std::count_if(mappings_.begin(), mappings_.end(),
                    [&](const auto& entry) { return !is_dead(entry.second.used, now); }));
}

}  // namespace ztshim::sim
