// The worlds we hold, the roots that follow from them, and which root relays for us.
// Notes: vl1-packets 8.4 to 8.6, vl1-behaviour 3.2, 5.1.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "common/endpoint.h"
#include "common/time.h"
#include "service/vl1/topology.h"
#include "service/wire/messages/hello.h"
#include "service/wire/world.h"

namespace ztshim::vl1 {

class Roots {
 public:
  struct Root {
    Identity identity;
    std::vector<Endpoint> endpoints;  // of all worlds that list it

    Address address() const { return identity.address(); }
  };

  // The worlds held at the start are believed as they are.
  Roots(Address own, std::optional<World> planet, std::vector<World> moons);

  // A world that a root, or the seed of a moon we want, has told us of. True when it was accepted.
  bool offer(const World& world, Address from);
  // A new revision of the planet, whoever offers it: accepted when it is signed by the key that the
  // present one names. Any planet when there is none yet.
  bool offer_planet(const World& planet);
  // A moon the operator supplied: no questions asked, but one that is held is not set back.
  bool hold_moon(const World& moon);
  void want_moon(std::uint64_t id, Address seed);
  void drop_moon(std::uint64_t id);
  // May `from` tell us of worlds at all?
  bool may_offer_worlds(Address from) const { return contains(from) || is_seed(from); }

  const std::vector<Root>& all() const { return roots_; }  // without ourselves
  const Root* find(Address address) const;
  bool contains(Address address) const { return find(address) != nullptr; }
  bool contains_self() const { return self_is_root_; }
  bool is_seed(Address address) const;
  std::vector<Address> seeds() const;
  // The lab: a root of the planet (perhaps ourselves) is listed on loopback.
  bool on_loopback() const { return on_loopback_; }
  // A root may only be where the worlds say it is; everybody else may be anywhere.
  bool permits(Address address, const IpAddress& ip) const;
  // The root that relays for us; nullptr when there is none.
  Peer* best(Topology& topology, Time now) const;

  const std::optional<World>& planet() const { return planet_; }
  const std::map<std::uint64_t, World>& moons() const { return moons_; }
  const std::map<std::uint64_t, Address>& wanted_moons() const { return wanted_moons_; }
  // What HELLO says about moons: those held, then those wanted.
  std::vector<WorldRevision> moon_revisions() const;

 private:
  bool accept_moon(const World& moon, Address from);
  void recompute();
  void add_roots_of(const World& world);

  Address own_;
  std::optional<World> planet_;
  std::map<std::uint64_t, World> moons_;           // by ID
  std::map<std::uint64_t, Address> wanted_moons_;  // seed by ID
  std::vector<Root> roots_;
  bool self_is_root_ = false;
  bool on_loopback_ = false;
};

}  // namespace ztshim::vl1
