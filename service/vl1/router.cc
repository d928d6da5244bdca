#include "service/vl1/router.h"

#include <cstring>

#include "common/reader.h"
#include "service/wire/fragment.h"
#include "service/wire/packet.h"

namespace ztshim::vl1 {

std::optional<MutableBytes> Router::route(Now now, const Arrival& arrival, MutableBytes datagram,
                                          Outbox& out) {
  if (Path* path = core_.topology.find_path(PathKey(arrival))) path->last_receive = now.time;
  switch (kind_of_datagram(datagram)) {
    case DatagramKind::Packet:
      return route_packet(now, arrival, datagram, out);
    case DatagramKind::Fragment:
      return route_fragment(now, arrival, datagram, out);
    case DatagramKind::Beacon:
      on_beacon(now, arrival, datagram, out);
      return std::nullopt;
    case DatagramKind::Nothing:
      ++core_.counters.malformed;
      return std::nullopt;
  }
  return std::nullopt;
}

// Nodes before 1.0.4 announced themselves in their LAN; one we know hears that we are here
// (vl1-packets 1). Anybody can send these 13 bytes, hence the gate.
void Router::on_beacon(Now now, const Arrival& arrival, ByteView beacon, Outbox& out) {
  constexpr std::size_t kSenderOffset = 8;
  Reader in(beacon.subspan(kSenderOffset));
  Peer* peer = core_.topology.find(Address::read(in));
  if (peer == nullptr || !core_.may_be_path(peer->address(), arrival.remote)) {
    ++core_.counters.malformed;
    return;
  }
  if (!beacons_.enter(now.time, kBeaconGate)) {
    ++core_.counters.rate_limited;
    return;
  }
  sender_.begin(peer->address(), Verb::Nop);
  sender_.send_back(now, *peer, arrival, Sender::Compress::No, out);
}

std::optional<MutableBytes> Router::route_packet(Now now, const Arrival& arrival,
                                                 MutableBytes packet, Outbox& out) {
  const auto header = PacketHeader::read(packet);
  if (!header || header->source == core_.self.address() || header->source.is_reserved()) {
    ++core_.counters.malformed;
    return std::nullopt;
  }
  if (header->destination == core_.self.address()) {
    if (!header->is_fragmented()) return packet;
    return defragmenter_.add_head(now.time, arrival, packet);
  }
  if (!may_relay(arrival, header->hops(), now.time)) return std::nullopt;
  Path* onwards = next_hop(header->destination, header->source, arrival, now.time);
  if (onwards == nullptr) return std::nullopt;
  add_hop(packet);
  forward(*onwards, packet, now, out);
  Peer* source = core_.topology.find(header->source);
  Peer* destination = core_.topology.find(header->destination);
  if (source != nullptr && destination != nullptr && best_path(*destination, now.time) != nullptr) {
    nat_.introduce(now, *source, *destination, out);
  }
  return std::nullopt;
}

std::optional<MutableBytes> Router::route_fragment(Now now, const Arrival& arrival,
                                                   MutableBytes fragment, Outbox& out) {
  const auto header = FragmentHeader::read(fragment);
  if (!header) {
    ++core_.counters.malformed;
    return std::nullopt;
  }
  if (header->destination == core_.self.address()) {
    if (!header->is_receivable()) ++core_.counters.malformed;
    return defragmenter_.add_fragment(now.time, arrival, fragment);
  }
  if (!may_relay(arrival, header->hops, now.time)) return std::nullopt;
  Path* onwards = next_hop(header->destination, Address(), arrival, now.time);
  if (onwards == nullptr) return std::nullopt;
  add_fragment_hop(fragment);
  forward(*onwards, fragment, now, out);
  return std::nullopt;
}

// Roots relay for everybody, others for whoever has proved to share a network with them.
bool Router::may_relay(const Arrival& arrival, unsigned hops, Time now) {
  const Path* from = core_.topology.find_path(PathKey(arrival));
  if (!core_.roots.contains_self() && (from == nullptr || !from->has_trust(now))) {
    ++core_.counters.not_relayed;
    return false;
  }
  if (hops >= kRelayMaxHops) {
    ++core_.counters.hop_limit;
    return false;
  }
  return true;
}

Path* Router::next_hop(Address destination, Address source, const Arrival& arrival, Time now) {
  Path* onwards = nullptr;
  Peer* peer = core_.topology.find(destination);
  if (const PeerPath* direct = peer == nullptr ? nullptr : best_path(*peer, now)) {
    onwards = direct->path;
  } else if (Peer* root = core_.roots.best(core_.topology, now);
             root != nullptr && root != peer && root->address() != source) {
    const PeerPath* path = best_path(*root, now, Expired::Accept);
    onwards = path == nullptr ? nullptr : path->path;
  }
  // Back where it came from is never onwards: two roots that do not know the destination would
  // pass the packet to and fro until its hops are used up.
  if (onwards != nullptr && !(onwards->key == PathKey(arrival))) return onwards;
  ++core_.counters.not_relayed;
  return nullptr;
}

void Router::forward(Path& path, ByteView datagram, Now now, Outbox& out) {
  const MutableBytes room = out.datagram(path.key.socket, path.key.remote, datagram.size());
  std::memcpy(room.data(), datagram.data(), datagram.size());
  path.last_send = now.time;
  ++core_.counters.relayed;
}

}  // namespace ztshim::vl1
