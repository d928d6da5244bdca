#include "service/vl1/sender.h"

#include "service/wire/compression.h"
#include "service/wire/fragment.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/ok.h"
#include "service/wire/trusted_path.h"

namespace ztshim::vl1 {

Writer Sender::begin(Address to, Verb verb) {
  packet_.resize(kPacketHeaderSize);
  write_packet_header(packet_, PacketId(core_.random.number()), to, core_.self.address(), verb);
  return Writer(packet_);
}

Writer Sender::begin_ok(Address to, Verb in_re_verb, PacketId in_re) {
  Writer writer = begin(to, Verb::Ok);
  OkHeader{in_re_verb, in_re, {}}.write(writer);
  return writer;
}

Writer Sender::begin_error(Address to, Verb in_re_verb, PacketId in_re, ErrorCode code) {
  Writer writer = begin(to, Verb::Error);
  ErrorHeader{in_re_verb, in_re, code, {}}.write(writer);
  return writer;
}

std::optional<PacketId> Sender::send_to(Now now, Peer& peer, LocalSocket socket,
                                        const Endpoint& remote, Compress compress, Outbox& out) {
  const PathKey to(socket, remote);
  return finish(now, peer, {peer.suite()}, to, core_.topology.find_path(to), compress, out);
}

std::optional<PacketId> Sender::send_best(Now now, Peer& peer, Compress compress, Outbox& out) {
  Path* path = route_to(peer, now.time);
  if (path == nullptr) return std::nullopt;
  return finish(now, peer, seal_for(peer, path->key), path->key, path, compress, out);
}

std::optional<PacketId> Sender::send_hello(Now now, Peer& peer, LocalSocket socket,
                                           const Endpoint& remote, Outbox& out) {
  // The tail is masked before the seal is put on everything (vl1-crypto 5.5).
  if (const auto tail = Hello::tail_offset(packet_)) peer.keys.crypt_hello_tail(packet_, *tail);
  const PathKey to(socket, remote);
  return finish(now, peer, {choose_suite(false, false)}, to, core_.topology.find_path(to),
                Compress::No, out);
}

void Sender::send_sealed_with(const PacketKeys& keys, const Arrival& arrival, Outbox& out) {
  seal_and_write(keys, {choose_suite(true, false)}, PathKey(arrival), true, out);
}

// Unprotected only straight to the peer: whom a relay passes it to may not share our trust.
Sender::Seal Sender::seal_for(Peer& peer, const PathKey& to) const {
  const std::uint64_t trusted = core_.rules.trusted_path_to(to.remote.ip);
  if (trusted == 0 || Topology::entry_of(peer, to) == nullptr) return {peer.suite()};
  return {Suite::None, trusted};
}

Path* Sender::route_to(Peer& peer, Time now) const {
  PeerPath* direct = best_path(peer, now);
  if (direct != nullptr && !direct->is_doubtful(now)) return direct->path;
  Peer* root = core_.roots.best(core_.topology, now);
  if (root != nullptr && root != &peer) {
    if (const PeerPath* relay = best_path(*root, now)) return relay->path;
  }
  if (direct != nullptr) return direct->path;
  const PeerPath* expired = best_path(peer, now, Expired::Accept);
  return expired == nullptr ? nullptr : expired->path;
}

std::optional<PacketId> Sender::finish(Now now, Peer& peer, Seal seal, const PathKey& to,
                                       Path* path, Compress compress, Outbox& out) {
  if (compress == Compress::Try) compress_packet(packet_);
  const Verb verb = static_cast<Verb>(packet_[kVerbOffset] & 0x1f);
  // The dedicated root servers (protocol 11) relay fragments but do not put their own together.
  const bool reads_fragments =
      peer.protocol >= kSivProtocol || !core_.roots.contains(peer.address());
  const auto id = seal_and_write(peer.keys, seal, to, reads_fragments, out);
  if (!id) return std::nullopt;
  if (path != nullptr) path->last_send = now.time;
  if (ExpectedReplies::may_be_answered(verb)) {
    core_.expected.expect(*id, peer.address(), verb, to.remote, now.time);
  }
  return id;
}

std::optional<PacketId> Sender::seal_and_write(const PacketKeys& keys, Seal seal, const PathKey& to,
                                               bool reads_fragments, Outbox& out) {
  if (packet_.size() > kMaxSendablePacketSize) return std::nullopt;
  const std::size_t limit = reads_fragments ? core_.rules.mtu_for(to.remote.ip) : kUdpRead;
  const auto plan = FragmentPlan::make(packet_.size(), limit, core_.division);
  if (!plan || (plan->is_fragmented() && !reads_fragments)) return std::nullopt;

  if (plan->is_fragmented()) set_fragmented(packet_);
  if (seal.suite == Suite::None) {
    mark_trusted_path(packet_, seal.trusted_path);
  } else {
    keys.seal(packet_, seal.suite);
  }
  for (unsigned n = 0; n < plan->count(); ++n) {
    out.write_datagram(to.socket, to.remote,
                       [&](Writer& writer) { plan->write_datagram(writer, packet_, n); });
  }
  ++core_.counters.packets_sent;
  return packet_id_of(packet_);
}

}  // namespace ztshim::vl1
