#include "service/vl1/greeting.h"

#include <algorithm>

#include "common/log.h"
#include "service/wire/messages/hello.h"

namespace ztshim::vl1 {
namespace {

constexpr SoftwareVersion kOurVersion{kSoftwareMajor, kSoftwareMinor, kSoftwareRevision};

// The network that a stranger's share of our validations is counted against: IPv4 /24, IPv6 /48. On
// loopback all nodes of a lab would share one, so there each endpoint counts for itself.
std::uint64_t source_network(const Endpoint& from) {
  const IpAddress ip = from.ip.unmapped();
  std::uint64_t hash = static_cast<std::uint64_t>(ip.family());
  const std::size_t bytes = ip.is_loopback() ? ip.bytes().size() : ip.is_v4() ? 3 : 6;
  for (const std::uint8_t byte : ip.bytes().first(std::min(bytes, ip.bytes().size()))) {
    hash = hash << 8 ^ (hash >> 56) ^ byte;
  }
  return ip.is_loopback() ? hash << 16 ^ from.port : hash;
}

}  // namespace

void Greeting::hello(Now now, Peer& peer, LocalSocket socket, const Endpoint& remote, Outbox& out) {
  Hello hello;
  hello.protocol = kProtocolVersion;
  hello.version = kOurVersion;
  hello.timestamp = static_cast<std::uint64_t>(now.wall_ms);
  hello.identity = core_.self_public;
  hello.sent_to = remote;
  if (const auto& planet = core_.roots.planet()) {
    hello.planet_id = planet->id;
    hello.planet_timestamp = planet->timestamp;
  }
  hello.moons = core_.roots.moon_revisions();
  if (hello.moons.size() > kMoonsInHello) hello.moons.resize(kMoonsInHello);
  Writer writer = sender_.begin(peer.address(), Verb::Hello);
  hello.write(writer);
  sender_.send_hello(now, peer, socket, remote, out);
}

bool Greeting::hello_through_root(Now now, Peer& peer, Outbox& out) {
  Peer* root = core_.roots.best(core_.topology, now.time);
  if (root == nullptr || root == &peer) return false;
  const PeerPath* path = best_path(*root, now.time);
  if (path == nullptr) return false;
  hello(now, peer, path->path->key.socket, path->path->key.remote, out);
  return true;
}

void Greeting::probe(Now now, Peer& peer, LocalSocket socket, const Endpoint& remote, Probe kind,
                     Outbox& out) {
  if (kind == Probe::Full || !peer.answers_echo()) return hello(now, peer, socket, remote, out);
  sender_.begin(peer.address(), Verb::Echo);
  sender_.send_to(now, peer, socket, remote, Sender::Compress::No, out);
}

Peer* Greeting::on_hello(Now now, const Arrival& arrival, MutableBytes packet, Outbox& out) {
  const auto header = PacketHeader::read(packet);
  const auto claimed = Hello::identity_of(packet.subspan(kPacketHeaderSize));
  if (!header || !claimed || claimed->address() != header->source ||
      packet[kPacketHeaderSize] < kOldestProtocol) {
    ++core_.counters.malformed;
    return nullptr;
  }
  Peer* peer = core_.topology.find(header->source);
  if (peer == nullptr) peer = core_.recall(header->source, now.time);
  peer = peer != nullptr ? open_from_known(now, *peer, *claimed, arrival, packet, out)
                         : open_from_stranger(now, *claimed, arrival, packet);
  if (peer == nullptr || !on_opened_hello(now, *peer, arrival, packet, out)) return nullptr;
  return peer;
}

Peer* Greeting::open_from_known(Now now, Peer& peer, const Identity& claimed,
                                const Arrival& arrival, MutableBytes packet, Outbox& out) {
  if (claimed != peer.identity) {
    refuse_claim(now, claimed, arrival, packet, out);
    return nullptr;
  }
  if (peer.keys.open(packet)) return &peer;
  ++core_.counters.not_authentic;
  return nullptr;
}

// Cheap checks first: gate, key agreement and authenticator, and only then the costly validation.
Peer* Greeting::open_from_stranger(Now now, const Identity& claimed, const Arrival& arrival,
                                   MutableBytes packet) {
  if (!may_validate(arrival.remote, now.time)) {
    ++core_.counters.rate_limited;
    return nullptr;
  }
  const auto key = core_.self.agree(claimed);
  if (!key || !PacketKeys(*key).open(packet)) {
    ++core_.counters.not_authentic;
    return nullptr;
  }
  if (!claimed.is_valid()) {
    ++core_.counters.invalid_identity;
    log(LogArea::Vl1, LogLevel::Debug, "peer={} path={} refused: identity does not validate",
        claimed.address().text(), arrival.remote.text());
    return nullptr;
  }
  Peer* peer = core_.add_peer(claimed, now.time);
  if (peer == nullptr) ++core_.counters.queue_overflow;  // as many peers as we are willing to know
  return peer;
}

// The first identity known keeps the address; who really has the key of another one is told so,
// under that key (vl1 7.3).
void Greeting::refuse_claim(Now now, const Identity& claimed, const Arrival& arrival,
                            MutableBytes packet, Outbox& out) {
  if (!may_validate(arrival.remote, now.time)) {
    ++core_.counters.rate_limited;
    return;
  }
  const auto key = core_.self.agree(claimed);
  if (!key) {
    ++core_.counters.not_authentic;
    return;
  }
  const PacketKeys keys(*key);
  if (!keys.open(packet)) {
    ++core_.counters.not_authentic;
    return;
  }
  ++core_.counters.identity_collision;
  log(LogArea::Vl1, LogLevel::Warn, "peer={} path={} claims an address that another identity holds",
      claimed.address().text(), arrival.remote.text());
  sender_.begin_error(claimed.address(), Verb::Hello, packet_id_of(packet),
                      ErrorCode::IdentityCollision);
  sender_.send_sealed_with(keys, arrival, out);
}

bool Greeting::may_validate(const Endpoint& from, Time now) {
  return validations_.enter(core_.salted(source_network(from)), now, kValidateGate);
}

bool Greeting::on_opened_hello(Now now, Peer& peer, const Arrival& arrival, MutableBytes packet,
                               Outbox& out) {
  if (const auto tail = Hello::tail_offset(packet)) peer.keys.crypt_hello_tail(packet, *tail);
  const auto hello = Hello::parse(packet.subspan(kPacketHeaderSize));
  if (!hello || hello->protocol < kOldestProtocol || hello->identity != peer.identity) {
    ++core_.counters.malformed;
    return false;
  }
  const auto header = PacketHeader::read(packet);
  if (hello->sent_to && header->hops() == 0) note_surface(now, peer, arrival, hello->sent_to, out);
  // The answer is sealed by what was known of the peer before (vl1-crypto 5.1).
  answer(now, peer, arrival, header->id, *hello, out);
  peer.protocol = hello->protocol;
  peer.version = hello->version;
  return true;
}

void Greeting::answer(Now now, Peer& peer, const Arrival& arrival, PacketId in_re,
                      const Hello& hello, Outbox& out) {
  Bytes worlds = newer_worlds(hello);
  if (!worlds.empty() && !peer.worlds.enter(now.time, kReplayInterval, kWorldsPerPeer)) {
    worlds.clear();
  }
  OkHello ok;
  ok.timestamp = hello.timestamp;
  ok.protocol = kProtocolVersion;
  ok.version = kOurVersion;
  ok.seen_at = arrival.remote;
  if (hello.protocol < kPortProtocol) ok.seen_at.port = 0;
  ok.worlds = worlds;
  Writer writer = sender_.begin_ok(peer.address(), Verb::Hello, in_re);
  ok.write(writer);
  sender_.send_back(now, peer, arrival, Sender::Compress::No, out);
}

Bytes Greeting::newer_worlds(const Hello& hello) const {
  Bytes worlds;
  const auto add = [&](const World& world) {
    const Bytes bytes = world.bytes();
    if (worlds.size() + bytes.size() <= kMaxWorldsInOk) append(worlds, bytes);
  };
  const auto& planet = core_.roots.planet();
  if (planet && hello.planet_id != 0 && hello.planet_id == planet->id &&
      hello.planet_timestamp < planet->timestamp) {
    add(*planet);
  }
  for (const WorldRevision& revision : hello.moons) {
    if (revision.type != static_cast<std::uint8_t>(WorldType::Moon)) continue;
    const auto held = core_.roots.moons().find(revision.id);
    if (held != core_.roots.moons().end() && revision.timestamp < held->second.timestamp) {
      add(held->second);
    }
  }
  return worlds;
}

bool Greeting::on_ok_hello(Now now, Peer& peer, const Arrival& arrival, ByteView body,
                           unsigned hops, Outbox& out) {
  const auto ok = OkHello::parse(body);
  if (!ok || ok->protocol < kOldestProtocol) {
    ++core_.counters.malformed;
    return false;
  }
  if (core_.roots.may_offer_worlds(peer.address())) apply_worlds(peer, ok->worlds, out);
  peer.protocol = ok->protocol;
  peer.version = ok->version;
  if (ok->seen_at && hops == 0) note_surface(now, peer, arrival, ok->seen_at, out);
  return true;
}

void Greeting::apply_worlds(Peer& peer, ByteView worlds, Outbox& out) {
  if (worlds.empty()) return;
  for (const World& world : World::parse_all(worlds)) {
    if (!core_.roots.offer(world, peer.address())) continue;
    core_.roots_changed = true;
    store_world(world, out);
    const bool is_planet = world.type == WorldType::Planet;
    log(LogArea::Vl1, LogLevel::Info, "peer={} gave us a newer {} {} of {}", peer.address().text(),
        is_planet ? "planet" : "moon", to_hex(world.id, 16), world.timestamp);
  }
}

void Greeting::store_world(const World& world, Outbox& out) {
  const bool is_planet = world.type == WorldType::Planet;
  out.store({is_planet ? StoredKind::Planet : StoredKind::Moon, world.id, 0, false, world.bytes()});
}

void Greeting::note_surface(Now now, Peer& peer, const Arrival& arrival, const Endpoint& seen,
                            Outbox& out) {
  const bool trusted = core_.roots.contains(peer.address());
  const bool changed =
      core_.surface.note({peer.address(), arrival.socket, arrival.remote, seen, trusted},
                         core_.roots.on_loopback(), now.time);
  if (!changed) return;
  log(LogArea::Vl1, LogLevel::Info, "our external address is now {}, says root {}", seen.text(),
      peer.address().text());
  prove_paths_again(now, seen.ip, out);
}

// Our address changed under us: what others knew as a path to us is gone, so no path of that kind
// is used until it has answered (vl1-behaviour 8).
void Greeting::prove_paths_again(Now now, const IpAddress& changed, Outbox& out) {
  const Scope scope = scope_of(changed);
  core_.topology.for_each([&](Peer& peer) {
    for (PeerPath& entry : peer.paths) {
      const PathKey& key = entry.path->key;
      if (key.remote.ip.family() != changed.family() || scope_of(key.remote.ip) != scope) continue;
      if (!entry.is_usable(now.time)) continue;
      probe(now, peer, key.socket, key.remote, Probe::Light, out);
      entry.last_authentic = kLongAgo;
    }
  });
}

}  // namespace ztshim::vl1
