#include "service/vl1/roots.h"

#include <algorithm>

#include "service/vl1/path_selection.h"

namespace ztshim::vl1 {

Roots::Roots(Address own, std::optional<World> planet, std::vector<World> moons)
    : own_(own), planet_(std::move(planet)) {
  for (World& moon : moons) {
    if (moon.type == WorldType::Moon) moons_.insert_or_assign(moon.id, std::move(moon));
  }
  recompute();
}

bool Roots::offer(const World& world, Address from) {
  if (world.type == WorldType::Planet) return contains(from) && planet_ && offer_planet(world);
  if (world.type != WorldType::Moon || !accept_moon(world, from)) return false;
  recompute();
  return true;
}

bool Roots::offer_planet(const World& planet) {
  if (planet.type != WorldType::Planet) return false;
  if (planet_ && !should_replace(*planet_, planet)) return false;
  planet_ = planet;
  recompute();
  return true;
}

bool Roots::accept_moon(const World& moon, Address from) {
  if (const auto held = moons_.find(moon.id); held != moons_.end()) {
    if (!should_replace(held->second, moon)) return false;
    held->second = moon;
    return true;
  }
  // An unknown moon has no key to be checked with: what speaks for it is that we asked for it and
  // that the seed we named is one of its roots. Believing it from another root is the protocol's
  // rule (8.4), the seed's own word is the usual case.
  const auto wanted = wanted_moons_.find(moon.id);
  if (wanted == wanted_moons_.end() || !moon.has_root(wanted->second)) return false;
  if (!may_offer_worlds(from)) return false;
  wanted_moons_.erase(wanted);
  moons_.emplace(moon.id, moon);
  return true;
}

bool Roots::hold_moon(const World& moon) {
  if (moon.type != WorldType::Moon) return false;
  wanted_moons_.erase(moon.id);
  const auto held = moons_.find(moon.id);
  if (held != moons_.end() && held->second.timestamp >= moon.timestamp) return held->second == moon;
  moons_.insert_or_assign(moon.id, moon);
  recompute();
  return true;
}

void Roots::want_moon(std::uint64_t id, Address seed) {
  if (!moons_.contains(id)) wanted_moons_.insert_or_assign(id, seed);
}

void Roots::drop_moon(std::uint64_t id) {
  wanted_moons_.erase(id);
  if (moons_.erase(id) != 0) recompute();
}

void Roots::recompute() {
  roots_.clear();
  self_is_root_ = false;
  on_loopback_ = false;
  if (planet_) {
    add_roots_of(*planet_);
    on_loopback_ =
        std::any_of(planet_->roots.begin(), planet_->roots.end(), [](const WorldRoot& root) {
          return std::any_of(root.endpoints.begin(), root.endpoints.end(),
                             [](const Endpoint& e) { return e.ip.is_loopback(); });
        });
  }
  for (const auto& [id, moon] : moons_) add_roots_of(moon);
}

void Roots::add_roots_of(const World& world) {
  for (const WorldRoot& listed : world.roots) {
    if (listed.identity.address() == own_) {
      self_is_root_ = true;
      continue;
    }
    auto known = std::find_if(roots_.begin(), roots_.end(), [&](const Root& root) {
      return root.address() == listed.identity.address();
    });
    if (known == roots_.end()) known = roots_.insert(known, {listed.identity, {}});
    for (const Endpoint& endpoint : listed.endpoints) {
      auto& all = known->endpoints;
      if (std::find(all.begin(), all.end(), endpoint) == all.end()) all.push_back(endpoint);
    }
  }
}

const Roots::Root* Roots::find(Address address) const {
  for (const Root& root : roots_) {
    if (root.address() == address) return &root;
  }
  return nullptr;
}

bool Roots::is_seed(Address address) const {
  return std::any_of(wanted_moons_.begin(), wanted_moons_.end(),
                     [&](const auto& wanted) { return wanted.second == address; });
}

std::vector<Address> Roots::seeds() const {
  std::vector<Address> all;
  for (const auto& [id, seed] : wanted_moons_) all.push_back(seed);
  return all;
}

bool Roots::permits(Address address, const IpAddress& ip) const {
  const Root* root = find(address);
  if (root == nullptr || root->endpoints.empty()) return true;
  return std::any_of(root->endpoints.begin(), root->endpoints.end(),
                     [&](const Endpoint& endpoint) { return endpoint.ip == ip; });
}

Peer* Roots::best(Topology& topology, Time now) const {
  constexpr std::int64_t kUnknown = 65535;
  constexpr std::int64_t kWorst = std::int64_t{1} << 40;
  constexpr std::int64_t kSilenceStep = 61'000;
  constexpr std::int64_t kUnanswered = std::int64_t{1} << 32;  // behind all that do answer
  Peer* best = nullptr;
  std::int64_t best_score = 0;
  for (const Root& root : roots_) {
    Peer* peer = topology.find(root.address());
    if (peer == nullptr) continue;
    std::int64_t score = kWorst;
    if (peer->is_alive(now)) {
      const PeerPath* path = best_path(*peer, now);
      const int measured = path == nullptr ? -1 : path->path->latency_ms;
      const std::int64_t latency = measured <= 0 ? kUnknown : measured;
      score = latency * ((now - peer->last_receive).count() / kSilenceStep + 1);
      if (peer->leaves_unanswered(now)) score += kUnanswered;
    }
    const bool tie_won =
        best != nullptr && score == best_score && peer->address() > best->address();
    if (best == nullptr || score < best_score || tie_won) {
      best = peer;
      best_score = score;
    }
  }
  return best;
}

std::vector<WorldRevision> Roots::moon_revisions() const {
  std::vector<WorldRevision> all;
  const auto type = static_cast<std::uint8_t>(WorldType::Moon);
  for (const auto& [id, moon] : moons_) all.push_back({type, id, moon.timestamp});
  for (const auto& [id, seed] : wanted_moons_) all.push_back({type, id, 0});
  return all;
}

}  // namespace ztshim::vl1
