#include "service/vl1/vl1.h"

#include <algorithm>
#include <utility>

#include "service/vl1/constants.h"
#include "service/vl1/core.h"
#include "service/vl1/dispatch.h"
#include "service/vl1/exchange.h"
#include "service/vl1/greeting.h"
#include "service/vl1/keepalive.h"
#include "service/vl1/nat_traversal.h"
#include "service/vl1/path_watch.h"
#include "service/vl1/peer_cache.h"
#include "service/vl1/roaming.h"
#include "service/vl1/router.h"
#include "service/vl1/sender.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/ok.h"

namespace ztshim::vl1 {

// The parts, each of which knows those before it.
class Vl1::Engine {
 public:
  Engine(Config&& config, RandomSource& random, UpperLayer& upper)
      : cached_peers_(std::move(config.cached_peers)), core(std::move(config), random, upper) {}

  void start(Now now, Outbox& out) {
    started_ = true;
    run(now, out, [&] {
      // The identities in the worlds come before those in the cache.
      for (const Roots::Root& root : core.roots.all()) core.add_peer(root.identity, now.time);
      recall_cached_peers(now, out);
      keepalive.greet_roots(now, out);
    });
  }

  void on_datagram(Now now, const Arrival& arrival, MutableBytes datagram, Outbox& out) {
    ++core.counters.datagrams_in;
    run(now, out, [&] {
      const auto packet = router.route(now, arrival, datagram, out);
      if (packet) dispatch.on_packet(now, arrival, *packet, out);
    });
  }

  void on_deadline(Now now, Outbox& out) {
    run(now, out, [&] {
      recall_more(now, out);
      keepalive.on_deadline(now, out);
      if (exchange.on_deadline(now, out)) keepalive.question_best_root(now, out);
    });
  }

  Time next_deadline() const {
    return std::min({keepalive.deadline(), exchange.deadline(), recall_due_});
  }

  void set_sockets(Now now, std::vector<BoundSocket> sockets, Outbox& out) {
    const LocalSockets::Change change = core.sockets.set(std::move(sockets));
    if (started_ && change.moved) roaming.on_sockets(now, change, out);
  }

  void set_external_endpoints(std::vector<Endpoint> mapped) {
    if (core.sockets.set_external(std::move(mapped))) roaming.on_external_addresses();
  }

  void configure(Now now, Settings settings, Outbox& out) {
    core.rules = PhysicalRules(std::move(settings));
    if (started_) roaming.on_rules(now, out);
  }

  bool offer(Now now, const World& world, Outbox& out) {
    const bool accepted = world.type == WorldType::Planet ? core.roots.offer_planet(world)
                                                          : core.roots.hold_moon(world);
    if (!accepted) return false;
    run(now, out, [&] {
      Greeting::store_world(world, out);
      core.roots_changed = started_;
    });
    return true;
  }

  void deorbit(Now now, std::uint64_t moon, Outbox& out) {
    run(now, out, [&] {
      core.roots.drop_moon(moon);
      out.store({StoredKind::Moon, moon, 0, true, {}});
      core.roots_changed = started_;
    });
  }

  void look_up(Now now, Address address, Outbox& out) {
    run(now, out, [&] { exchange.look_up(now, address, AskedBy::Us, out); });
  }

  std::optional<PacketId> send(Now now, Address to, Verb verb, ByteView head, ByteView body,
                               bool compress, Outbox& out) {
    std::optional<PacketId> id;
    run(now, out, [&] {
      path_watch.on_send(now, to, out);
      id = exchange.send(now, to, verb, head, body, compress, out);
    });
    return id;
  }

 private:
  // The upper layer may call while one of the above is under way: what its call leaves to follow up
  // is then the outer one's business.
  template <typename Work>
  void run(Now now, Outbox& out, Work work) {
    if (running_) return work();
    running_ = true;
    work();
    settle(now, out);
    running_ = false;
  }

  // Follows up on what was noted while a packet was handled, until nothing new comes of it: packets
  // released by one identity may teach us of another world, and so on.
  void settle(Now now, Outbox& out) {
    while (!core.newly_known.empty() || core.route_appeared || core.roots_changed) {
      if (std::exchange(core.roots_changed, false)) keepalive.greet_roots(now, out);
      const bool opened = std::exchange(core.route_appeared, false);
      const auto known = std::exchange(core.newly_known, {});
      for (const Address address : known) release(now, address, out);
      if (opened) {
        keepalive.update_online(now, out);
        exchange.ask_again(now, out);
      }
      exchange.retry(now, out);
    }
  }

  // Whatever waited for this identity goes on.
  void release(Now now, Address address, Outbox& out) {
    core.lookups.answered(address);
    if (Peer* peer = core.topology.find(address)) keepalive.arm(*peer, now.time);
    for (IncomingQueue::Packet& packet : core.incoming.take(address, now.time)) {
      dispatch.on_packet(now, packet.arrival, packet.bytes, out);
    }
    core.upper.on_identity_known(now, address, out);
  }

  // Peers of an earlier run are not reachable until they answer from where they were last.
  void recall_cached_peers(Now now, Outbox& out) {
    std::size_t greeted = 0;
    for (const Bytes& content : std::exchange(cached_peers_, {})) {
      const auto cached = CachedPeer::parse(content);
      if (!cached) continue;
      if (greeted < kGreetedAtStart || core.roots.contains(cached->identity.address())) {
        exchange.restore(now, *cached, out);
        ++greeted;
      } else {
        core.archive.put(*cached);
      }
    }
    if (core.roots.contains_self() && core.archive.size() != 0) {
      recall_due_ = now.time + kGreetingPause;
    }
  }

  // The clients of a root do not notice its restart: it greets them all, a few at a time.
  void recall_more(Now now, Outbox& out) {
    if (now.time < recall_due_) return;
    recall_due_ = kNever;
    for (std::size_t n = 0; n < kGreetedAtOnce; ++n) {
      const auto cached = core.archive.take_first();
      if (!cached) return;
      exchange.restore(now, *cached, out);
    }
    recall_due_ = now.time + kGreetingPause;
  }

  std::vector<Bytes> cached_peers_;
  Time recall_due_ = kNever;
  bool started_ = false;
  bool running_ = false;

 public:
  Core core;
  Sender sender{core};
  Greeting greeting{core, sender};
  Exchange exchange{core, sender, greeting};
  NatTraversal nat{core, sender, greeting};
  Keepalive keepalive{core, greeting, exchange};
  PathWatch path_watch{core, greeting, keepalive};
  Dispatch dispatch{core, sender, greeting, exchange, nat, keepalive, path_watch};
  Router router{core, sender, nat};
  Roaming roaming{core, greeting, keepalive};
};

namespace {

Sender::Compress compression(const Vl1::SendOptions& options) {
  return options.compress ? Sender::Compress::Try : Sender::Compress::No;
}

}  // namespace

Vl1::Vl1(Config config, RandomSource& random, UpperLayer& upper)
    : engine_(std::make_unique<Engine>(std::move(config), random, upper)) {}
Vl1::~Vl1() = default;

void Vl1::start(Now now, Outbox& out) { engine_->start(now, out); }

void Vl1::on_datagram(Now now, const Arrival& arrival, MutableBytes datagram, Outbox& out) {
  engine_->on_datagram(now, arrival, datagram, out);
}

void Vl1::on_deadline(Now now, Outbox& out) { engine_->on_deadline(now, out); }

Time Vl1::next_deadline() const { return engine_->next_deadline(); }

void Vl1::set_sockets(Now now, std::vector<BoundSocket> sockets, Outbox& out) {
  engine_->set_sockets(now, std::move(sockets), out);
}
void Vl1::set_external_endpoints(Now, std::vector<Endpoint> mapped, Outbox&) {
  engine_->set_external_endpoints(std::move(mapped));
}
void Vl1::configure(Now now, Settings settings, Outbox& out) {
  engine_->configure(now, std::move(settings), out);
}
void Vl1::on_resume(Now now, Outbox& out) { engine_->roaming.on_resume(now, out); }

void Vl1::store_peers(Outbox& out) const {
  engine_->core.topology.for_each([&](const Peer& peer) { Keepalive::store_peer(peer, out); });
}

std::optional<PacketId> Vl1::send(Now now, Address to, Verb verb, ByteView head, ByteView body,
                                  SendOptions options, Outbox& out) {
  return engine_->send(now, to, verb, head, body, options.compress, out);
}

void Vl1::reply_ok(Now now, const Incoming& request, Verb in_re, ByteView payload,
                   SendOptions options, Outbox& out) {
  Peer* peer = engine_->core.topology.find(request.source.address());
  if (peer == nullptr) return;
  engine_->sender.begin_ok(peer->address(), in_re, request.id).bytes(payload);
  engine_->sender.send_back(now, *peer, request.arrival, compression(options), out);
}

void Vl1::reply_error(Now now, const Incoming& request, ErrorCode code, ByteView payload,
                      Outbox& out) {
  Peer* peer = engine_->core.topology.find(request.source.address());
  if (peer == nullptr) return;
  engine_->sender.begin_error(peer->address(), request.verb, request.id, code).bytes(payload);
  engine_->sender.send_back(now, *peer, request.arrival, Sender::Compress::No, out);
}

void Vl1::send_ok(Now now, Address to, Verb in_re, PacketId request, ByteView payload,
                  SendOptions options, Outbox& out) {
  Bytes header;
  Writer writer(header);
  OkHeader{in_re, request, {}}.write(writer);
  engine_->send(now, to, Verb::Ok, header, payload, options.compress, out);
}

void Vl1::send_error(Now now, Address to, Verb in_re, PacketId request, ErrorCode code,
                     ByteView payload, Outbox& out) {
  Bytes header;
  Writer writer(header);
  ErrorHeader{in_re, request, code, {}}.write(writer);
  engine_->send(now, to, Verb::Error, header, payload, false, out);
}

const Identity& Vl1::identity() const { return engine_->core.self; }

const Identity* Vl1::identity_of(Address address) const {
  const Core& core = engine_->core;
  if (address == core.self.address()) return &core.self;
  const Peer* peer = core.topology.find(address);
  return peer == nullptr ? nullptr : &peer->identity;
}

void Vl1::request_identity(Now now, Address address, Outbox& out) {
  engine_->look_up(now, address, out);
}

bool Vl1::is_root() const { return engine_->core.roots.contains_self(); }
bool Vl1::is_root(Address address) const {
  return address == this->address() ? is_root() : engine_->core.roots.contains(address);
}

std::vector<Address> Vl1::roots() const {
  std::vector<Address> all;
  for (const Roots::Root& root : engine_->core.roots.all()) all.push_back(root.address());
  return all;
}

Address Vl1::best_root(Time now) const {
  const Peer* best = engine_->core.roots.best(engine_->core.topology, now);
  return best == nullptr ? Address() : best->address();
}

bool Vl1::is_reachable(Time now, Address address) const {
  const Peer* peer = engine_->core.topology.find(address);
  return peer != nullptr && peer->is_alive(now) && best_path(*peer, now) != nullptr;
}

int Vl1::latency_ms(Address address) const {
  const Peer* peer = engine_->core.topology.find(address);
  int lowest = -1;
  if (peer == nullptr) return lowest;
  for (const PeerPath& entry : peer->paths) {
    const int latency = entry.path->latency_ms;
    if (latency >= 0 && (lowest < 0 || latency < lowest)) lowest = latency;
  }
  return lowest;
}

void Vl1::set_always_contact(std::vector<Address> addresses) {
  std::sort(addresses.begin(), addresses.end());
  if (addresses == engine_->core.always_contact) return;
  engine_->core.always_contact = std::move(addresses);
  engine_->keepalive.contacts_changed();
}

void Vl1::orbit(Now now, std::uint64_t moon, Address seed, Outbox& out) {
  engine_->core.roots.want_moon(moon, seed);
  engine_->keepalive.contacts_changed();
  // Only HELLO carries the wish, and a known seed would not be greeted for a while.
  if (Peer* peer = engine_->core.topology.find(seed)) {
    engine_->keepalive.greet_now(now, *peer, out);
  }
}

bool Vl1::orbit(Now now, const World& moon, Outbox& out) {
  return moon.type == WorldType::Moon && engine_->offer(now, moon, out);
}

void Vl1::deorbit(Now now, std::uint64_t moon, Outbox& out) { engine_->deorbit(now, moon, out); }

bool Vl1::offer_planet(Now now, const World& planet, Outbox& out) {
  return planet.type == WorldType::Planet && engine_->offer(now, planet, out);
}

std::vector<World> Vl1::moons() const {
  std::vector<World> all;
  for (const auto& [id, moon] : engine_->core.roots.moons()) all.push_back(moon);
  return all;
}

std::map<std::uint64_t, Address> Vl1::wanted_moons() const {
  return engine_->core.roots.wanted_moons();
}

bool Vl1::is_online(Time now) const { return engine_->keepalive.is_online(now); }

std::vector<PeerInfo> Vl1::peers(Time now) const {
  std::vector<PeerInfo> all;
  const Core& core = engine_->core;
  core.topology.for_each([&](const Peer& peer) {
    PeerInfo known;
    known.address = peer.address();
    known.protocol = static_cast<int>(peer.protocol);
    // 0.0.0 is what the roots of the public planet say: not known either (vl1 3).
    if (peer.protocol != 0 && peer.version != SoftwareVersion{}) {
      known.version_major = peer.version.major;
      known.version_minor = peer.version.minor;
      known.version_revision = peer.version.revision;
    }
    known.is_root = core.roots.contains(peer.address());
    known.last_receive = peer.last_receive;
    const PeerPath* best = best_path(peer, now);
    if (best != nullptr) known.latency_ms = best->path->latency_ms;
    for (const PeerPath& entry : peer.paths) {
      if (!entry.is_usable(now)) continue;
      const Path& path = *entry.path;
      known.paths.push_back({path.key.remote, path.key.socket, path.last_receive, path.last_send,
                             path.latency_ms, &entry == best});
    }
    all.push_back(std::move(known));
  });
  std::sort(all.begin(), all.end(),
            [](const PeerInfo& a, const PeerInfo& b) { return a.address < b.address; });
  return all;
}

Sizes Vl1::sizes() const {
  const Core& core = engine_->core;
  return {core.topology.size(), core.topology.path_count(),   engine_->keepalive.deadlines(),
          core.archive.size(),  core.lookups.size(),          core.incoming.size(),
          core.outgoing.size(), engine_->router.incomplete(), core.surface.size()};
}

const Counters& Vl1::counters() const { return engine_->core.counters; }
const std::optional<World>& Vl1::planet() const { return engine_->core.roots.planet(); }
std::vector<Endpoint> Vl1::surface(Time now) const { return engine_->core.surface.addresses(now); }

}  // namespace ztshim::vl1
