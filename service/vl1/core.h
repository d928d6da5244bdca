// What the parts of VL1 share: the state of the node, and nothing that acts on it.
#pragma once

#include <vector>

#include "service/vl1/expected_replies.h"
#include "service/vl1/local_sockets.h"
#include "service/vl1/path_selection.h"
#include "service/vl1/peer_cache.h"
#include "service/vl1/physical_rules.h"
#include "service/vl1/roots.h"
#include "service/vl1/surface.h"
#include "service/vl1/topology.h"
#include "service/vl1/vl1.h"
#include "service/vl1/whois.h"
#include "service/wire/fragment.h"

namespace ztshim::vl1 {

struct Core {
  Core(Config&& given, RandomSource& randomness, UpperLayer& above)
      : self(std::move(given.identity)),
        self_public(public_part(self)),
        random(randomness),
        upper(above),
        division(given.classic_fragments ? Division::Classic : Division::Equal),
        topology(self),
        roots(self.address(), std::move(given.planet), std::move(given.moons)),
        rules(std::move(given.settings)),
        archive(roots.contains_self() ? kMaxPeers : kArchivedPeers),
        salt(randomness.number()) {}
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Without the private keys, for what goes into messages.
  static Identity public_part(const Identity& identity) {
    Bytes bytes;
    Writer out(bytes);
    identity.write(out);
    Reader in(bytes);
    return Identity::read(in).value_or(Identity{});
  }

  Identity self;
  Identity self_public;
  RandomSource& random;
  UpperLayer& upper;
  Division division;
  Counters counters;
  Topology topology;
  Roots roots;
  PhysicalRules rules;
  LocalSockets sockets;
  SurfaceTable surface;
  ExpectedReplies expected;
  Lookups lookups;
  OutgoingQueue outgoing;
  IncomingQueue incoming;
  PeerArchive archive;
  std::vector<Address> always_contact;  // sorted
  std::uint64_t salt;                   // for hashes of what strangers choose

  // What happened while a packet was handled and is followed up when that is done (Engine::settle),
  // so that no handler runs inside another.
  std::vector<Address> newly_known;  // peers that did not exist before
  bool route_appeared = false;       // a path was learned: queued packets may have a way now
  bool roots_changed = false;        // a world was accepted

  // May this address be a path to that node (vl1-behaviour 5.1)?
  bool may_be_path(Address to, const Endpoint& endpoint) const {
    return endpoint.port != 0 && is_physical(endpoint.ip, roots.on_loopback()) &&
           roots.permits(to, endpoint.ip) && rules.permits(to, endpoint.ip) &&
           !upper.is_virtual(endpoint.ip);
  }
  // How often what does not answer is asked again.
  Duration ping_check() const { return rules.low_bandwidth() ? kSlowPingCheck : kPingCheck; }
  // How long nothing may have been sent over a path that is to be kept open.
  Duration keepalive_idle() const {
    return rules.low_bandwidth() ? kSlowPingCheck : kKeepaliveIdle;
  }
  std::uint64_t salted(std::uint64_t hash) const { return mixed(hash ^ salt); }
  // The peer of this identity; a new one is noted for follow-up. As Topology::add.
  Peer* add_peer(const Identity& identity, Time now) {
    if (Peer* known = topology.find(identity.address())) {
      return known->identity == identity ? known : nullptr;
    }
    Peer* peer = topology.add(identity, now);
    if (peer != nullptr) newly_known.push_back(peer->address());
    return peer;
  }
  // The same with what was known of it in an earlier run; nothing when it is known better by now.
  Peer* add_peer(const CachedPeer& cached, Time now) {
    Peer* peer = add_peer(cached.identity, now);
    if (peer == nullptr || peer->protocol != 0) return nullptr;
    peer->protocol = cached.protocol;
    peer->version = cached.version;
    return peer;
  }
  // Whom we knew is no stranger: validated then, and not again. The record stays, as nothing has
  // come of it yet.
  Peer* recall(Address address, Time now) {
    const auto cached = archive.find(address);
    return cached ? add_peer(*cached, now) : nullptr;
  }
};

}  // namespace ztshim::vl1
