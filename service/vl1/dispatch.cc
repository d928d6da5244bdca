#include "service/vl1/dispatch.h"

#include <algorithm>

#include "common/log.h"
#include "service/wire/compression.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/ok.h"
#include "service/wire/trusted_path.h"

namespace ztshim::vl1 {
namespace {

// Verbs that carry virtual networks: a peer that sends them is worth keeping in touch with.
bool is_nontrivial(Verb verb) {
  return verb == Verb::Frame || verb == Verb::ExtFrame || verb == Verb::NetworkConfigRequest ||
         verb == Verb::NetworkConfig || verb == Verb::MulticastFrame;
}

// Verbs whose ERRORs are VL2's. Those about ours say nothing we act on, collisions excepted.
bool is_upper(Verb verb) {
  return verb == Verb::Frame || verb == Verb::ExtFrame || verb == Verb::MulticastLike ||
         verb == Verb::NetworkCredentials || verb == Verb::NetworkConfigRequest ||
         verb == Verb::NetworkConfig || verb == Verb::MulticastGather ||
         verb == Verb::MulticastFrame;
}

}  // namespace

void Dispatch::on_packet(Now now, const Arrival& arrival, MutableBytes packet, Outbox& out) {
  const auto header = PacketHeader::read(packet);
  if (!header) {
    ++core_.counters.malformed;
    return;
  }
  answers_.reset();
  if (header->suite() == Suite::Poly1305None && header->verb() == Verb::Hello) {
    Peer* peer = greeting_.on_hello(now, arrival, packet, out);
    if (peer == nullptr) return;
    ++core_.counters.packets_opened;
    const Opened opened{*peer, arrival, header->id, Verb::Hello, header->hops(), {}};
    return received(now, opened, false, out);
  }
  Peer* peer = core_.topology.find(header->source);
  if (peer == nullptr) return exchange_.hold(now, header->source, arrival, packet, out);
  const bool believed = header->suite() == Suite::None
                            ? core_.rules.trusts(trusted_path_of(packet), arrival.remote.ip)
                            : peer->keys.open(packet);
  if (!believed) {
    ++core_.counters.not_authentic;
    return;
  }
  ++core_.counters.packets_opened;
  const auto in_clear = PacketHeader::read(packet);
  ByteView payload = packet.subspan(kPacketHeaderSize);
  if (in_clear->is_compressed()) {
    decompressed_.assign(packet.begin(), packet.end());
    if (!decompress_packet(decompressed_)) {
      ++core_.counters.malformed;
      return;
    }
    payload = ByteView(decompressed_).subspan(kPacketHeaderSize);
  }
  if (in_clear->verb() == Verb::Hello) {
    if (!greeting_.on_opened_hello(now, *peer, arrival, packet, out)) return;
    const Opened opened{*peer, arrival, header->id, Verb::Hello, header->hops(), {}};
    return received(now, opened, false, out);
  }
  on_opened(now, {*peer, arrival, header->id, in_clear->verb(), header->hops(), payload}, out);
}

void Dispatch::on_opened(Now now, const Opened& packet, Outbox& out) {
  const Verdict verdict = handle(now, packet, out);
  if (verdict == Verdict::Ignored) return;
  received(now, packet, verdict == Verdict::Trusted, out);
}

Verdict Dispatch::handle(Now now, const Opened& packet, Outbox& out) {
  const auto done_if = [](bool well_formed) {
    return well_formed ? Verdict::Done : Verdict::Ignored;
  };
  switch (packet.verb) {
    case Verb::Ok:
      return on_ok(now, packet, out);
    case Verb::Error:
      return on_error(now, packet, out);
    case Verb::Whois:
      return on_whois(now, packet, out);
    case Verb::Echo:
      return on_echo(now, packet, out);
    case Verb::Rendezvous:
      return done_if(nat_.on_rendezvous(now, packet.peer, packet.arrival, packet.payload, out));
    case Verb::PushDirectPaths:
      return done_if(nat_.on_push(now, packet.peer, packet.payload, packet.hops, out));
    case Verb::Frame:
    case Verb::ExtFrame:
    case Verb::MulticastLike:
    case Verb::NetworkCredentials:
    case Verb::NetworkConfigRequest:
    case Verb::NetworkConfig:
    case Verb::MulticastGather:
    case Verb::MulticastFrame:
      return to_upper(now, packet, out);
    case Verb::Nop:
    case Verb::Hello:
    case Verb::UserMessage:
    case Verb::RemoteTrace:
      return Verdict::Done;
    case Verb::Ack:
    case Verb::QosMeasurement:
    case Verb::PathNegotiationRequest:
      // Of multipath nodes; those without it do not count them as received (vl1-packets 7.11 on).
      ++core_.counters.unknown_verb;
      return Verdict::Ignored;
  }
  ++core_.counters.unknown_verb;  // of a later version: ignored, but heard
  return Verdict::Done;
}

Verdict Dispatch::on_ok(Now now, const Opened& packet, Outbox& out) {
  const auto ok = OkHeader::parse(packet.payload);
  if (!ok) {
    ++core_.counters.malformed;
    return Verdict::Ignored;
  }
  const auto sent = core_.expected.match(ok->in_re, packet.peer.address(), now.time);
  // Genuine nodes acknowledge NETWORK_CONFIG as if it were ECHO.
  const bool quirk = sent && sent->verb == Verb::NetworkConfig && ok->in_re_verb == Verb::Echo;
  if (!sent || (sent->verb != ok->in_re_verb && !quirk)) {
    ++core_.counters.unexpected_ok;
    return Verdict::Ignored;
  }
  answers_ = sent;
  if (sent->verb == Verb::Hello) {
    if (!greeting_.on_ok_hello(now, packet.peer, packet.arrival, ok->body, packet.hops, out)) {
      return Verdict::Ignored;
    }
    return Verdict::Done;
  }
  if (sent->verb == Verb::Whois) {
    return exchange_.on_ok_whois(now, packet.peer, ok->body) ? Verdict::Done : Verdict::Ignored;
  }
  if (!is_upper(sent->verb)) return Verdict::Done;
  return core_.upper.on_packet(
      now,
      Incoming{packet.peer.identity, packet.id, Verb::Ok, ok->body, sent->verb, ok->in_re,
               ErrorCode::None, packet.arrival, packet.hops},
      out);
}

Verdict Dispatch::on_error(Now now, const Opened& packet, Outbox& out) {
  const auto error = ErrorHeader::parse(packet.payload);
  if (!error) {
    ++core_.counters.malformed;
    return Verdict::Ignored;
  }
  if (error->in_re_verb == Verb::Hello && error->code == ErrorCode::IdentityCollision &&
      core_.roots.contains(packet.peer.address())) {
    log(LogArea::Vl1, LogLevel::Error, "root {} says that another node has our address {}",
        packet.peer.address().text(), core_.self.address().text());
    ++core_.counters.identity_collision;
    out.event(IdentityCollision{});
  }
  if (!is_upper(error->in_re_verb)) return Verdict::Done;
  return core_.upper.on_packet(
      now,
      Incoming{packet.peer.identity, packet.id, Verb::Error, error->body, error->in_re_verb,
               error->in_re, error->code, packet.arrival, packet.hops},
      out);
}

Verdict Dispatch::on_whois(Now now, const Opened& packet, Outbox& out) {
  if (!core_.roots.contains_self() && !packet.peer.whois_gate.enter(now.time, kWhoisGate)) {
    ++core_.counters.rate_limited;
    return Verdict::Ignored;
  }
  const bool well_formed =
      exchange_.on_whois(now, packet.peer, packet.arrival, packet.id, packet.payload, out);
  return well_formed ? Verdict::Done : Verdict::Ignored;
}

Verdict Dispatch::on_echo(Now now, const Opened& packet, Outbox& out) {
  const std::uint64_t path = core_.salted(PathKey(packet.arrival).hash());
  if (!echoes_.enter(path, now.time, kEchoGate)) {
    ++core_.counters.rate_limited;
    return Verdict::Ignored;
  }
  sender_.begin_ok(packet.peer.address(), Verb::Echo, packet.id).bytes(packet.payload);
  sender_.send_back(now, packet.peer, packet.arrival, Sender::Compress::No, out);
  return Verdict::Done;
}

Verdict Dispatch::to_upper(Now now, const Opened& packet, Outbox& out) {
  return core_.upper.on_packet(
      now,
      Incoming{packet.peer.identity, packet.id, packet.verb, packet.payload, Verb::Nop, PacketId(),
               ErrorCode::None, packet.arrival, packet.hops},
      out);
}

void Dispatch::received(Now now, const Opened& packet, bool trusted, Outbox& out) {
  Peer& peer = packet.peer;
  const bool was_active = peer.is_active(now.time);
  peer.last_receive = now.time;
  peer.asked_since = kNever;
  if (is_nontrivial(packet.verb)) peer.last_nontrivial = now.time;
  if (trusted) {
    peer.last_trust = now.time;
    if (Path* path = core_.topology.find_path(PathKey(packet.arrival))) {
      path->last_trust = now.time;
    }
  }
  if (packet.hops == 0) {
    on_direct(now, packet, out);
    if (packet.verb == Verb::Hello) keepalive_.greeted_by(now, peer);
  } else {
    path_watch_.on_relayed(now, peer, out);
  }
  if (!was_active && peer.is_active(now.time)) keepalive_.arm(peer, now.time);
  if (peer.has_trust(now.time)) nat_.push(now, peer, packet.arrival, packet.hops, out);
}

// A place becomes a path only when it has answered one of our packets: anybody can replay a packet
// of the peer's from elsewhere. An answer from another place than the one we asked may be replayed
// as well (or the peer may have several addresses), so it makes us ask there. Notes: vl1-behaviour
// 6, 2; the latter is stricter than the reference.
void Dispatch::on_direct(Now now, const Opened& packet, Outbox& out) {
  Peer& peer = packet.peer;
  const PathKey key(packet.arrival);
  PeerPath* entry = Topology::entry_of(peer, key);
  if (entry == nullptr) {
    if (!core_.may_be_path(peer.address(), key.remote)) return;
    const PeerPath* twin = Topology::live_twin_of(peer, key, now.time);
    if (!answers_ || answers_->where != key.remote) {
      return twin == nullptr ? confirm(now, peer, key, out) : dispute(now, peer, *twin, key, out);
    }
    // Both were asked together: the older one keeps its place if it has answered.
    if (twin != nullptr && twin->last_authentic >= answers_->when) return;
    entry = &core_.topology.learn_path(peer, key, now.time);
    core_.route_appeared = true;
    log(LogArea::Vl1, LogLevel::Debug, "peer={} path={} learned: it answered",
        peer.address().text(), key.remote.text());
    // The only path there is has just been greeted: the next round is a minute away.
    if (answers_->verb == Verb::Hello && peer.paths.size() == 1) peer.last_full_hello = now.time;
    keepalive_.arm(peer, now.time);
  }
  entry->last_authentic = now.time;
  path_watch_.on_direct(now, peer, *entry, out);
  if (answers_ && answers_->verb == Verb::Hello) {
    // By our own note of the time, not the echoed one: the wall clock may have been set since.
    entry->path->measured(static_cast<int>((now.time - answers_->when).count()));
  }
}

// One path per remote IP and local socket, because a NAT with several mappings would make it flap.
// But a node that was restarted speaks from a new port, and the old one counts as alive for a
// while: both are asked, the old one first, and the new one takes over only if it alone answers.
// When the old one did, the peer has two ports: that settles it, until the old one is in doubt.
void Dispatch::dispute(Now now, Peer& peer, const PeerPath& twin, const PathKey& place,
                       Outbox& out) {
  const std::uint64_t key = core_.salted(place.hash() * 37 + peer.address().number());
  const bool settled = twin.last_authentic > disputes_.last(key) && !twin.is_doubtful(now.time);
  if (!disputes_.enter(key, now.time, settled ? kSettledPath : kDisputePath)) return;
  const PathKey old = twin.path->key;
  greeting_.probe(now, peer, old.socket, old.remote, Greeting::Probe::Light, out);
  greeting_.hello(now, peer, place.socket, place.remote, out);
}

void Dispatch::confirm(Now now, Peer& peer, const PathKey& place, Outbox& out) {
  const std::uint64_t key = core_.salted(place.hash() * 31 + peer.address().number());
  if (!confirmations_.enter(key, now.time, kConfirmPath)) return;
  if (!peer.confirmations.enter(now.time, kReplayInterval, kConfirmationsPerPeer)) return;
  greeting_.hello(now, peer, place.socket, place.remote, out);
}

}  // namespace ztshim::vl1
