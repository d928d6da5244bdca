#include "service/vl1/exchange.h"

#include <algorithm>

#include "service/wire/messages/whois.h"

namespace ztshim::vl1 {
namespace {

// The answer must fit into one datagram (vl1-packets 3.1).
constexpr std::size_t kIdentitiesPerAnswer =
    (kUdpPayload - kPacketHeaderSize - 9) / Identity::kWireSize;

}  // namespace

std::optional<PacketId> Exchange::send(Now now, Address to, Verb verb, ByteView head, ByteView body,
                                       bool compress, Outbox& out) {
  if (to == core_.self.address() || to.is_reserved()) return std::nullopt;
  if (kPacketHeaderSize + head.size() + body.size() > kMaxSendablePacketSize) return std::nullopt;
  Peer* peer = core_.topology.find(to);
  if (peer != nullptr) try_memorized(now, *peer, out);
  if (peer != nullptr && sender_.route_to(*peer, now.time) != nullptr) {
    sender_.begin(to, verb).bytes(head).bytes(body);
    return sender_.send_best(now, *peer, compress ? Sender::Compress::Try : Sender::Compress::No,
                             out);
  }
  OutgoingQueue::Packet packet{to, verb, to_bytes(head), compress, now.time + kQueueTime};
  append(packet.payload, body);
  if (core_.outgoing.push(std::move(packet))) ++core_.counters.queue_overflow;
  if (peer == nullptr) look_up(now, to, AskedBy::Us, out);
  return std::nullopt;
}

// Places the operator named are tried, one at a time, when something must go out and there is no
// direct path (vl1-behaviour 7.4).
void Exchange::try_memorized(Now now, Peer& peer, Outbox& out) {
  const std::vector<Endpoint>* hints = core_.rules.hints_for(peer.address());
  if (hints == nullptr || now.time - peer.last_memorized < kMemorized) return;
  if (best_path(peer, now.time) != nullptr) return;
  peer.last_memorized = now.time;
  const Endpoint& place = (*hints)[core_.random.below(hints->size())];
  if (core_.may_be_path(peer.address(), place)) greeting_.hello(now, peer, kAnySocket, place, out);
}

void Exchange::look_up(Now now, Address address, AskedBy by, Outbox& out) {
  if (address.is_reserved() || address == core_.self.address()) return;
  if (core_.topology.find(address) != nullptr) return;
  // A packet that names a sender proves nothing yet: his places are greeted when we want him, or
  // when a packet of his has been opened.
  if (by == AskedBy::Stranger && core_.recall(address, now.time) != nullptr) return;
  if (by != AskedBy::Stranger) {
    if (const auto cached = core_.archive.take(address)) return restore(now, *cached, out);
  }
  if (core_.lookups.want(address, by, now.time)) ask(now, address, out);
}

void Exchange::restore(Now now, const CachedPeer& cached, Outbox& out) {
  Peer* peer = core_.add_peer(cached, now.time);
  if (peer == nullptr) return;
  for (const Endpoint& address : cached.addresses) {
    if (!core_.may_be_path(peer->address(), address)) continue;
    greeting_.hello(now, *peer, kAnySocket, address, out);
  }
}

void Exchange::ask(Now now, Address address, Outbox& out) {
  Peer* root = core_.roots.best(core_.topology, now.time);
  if (root == nullptr) return;
  Whois question;
  question.addresses = {address};  // genuine nodes answer with one identity only
  Writer writer = sender_.begin(root->address(), Verb::Whois);
  question.write(writer);
  sender_.send_best(now, *root, Sender::Compress::No, out);
}

void Exchange::hold(Now now, Address source, const Arrival& arrival, ByteView packet, Outbox& out) {
  IncomingQueue::Packet held{source, arrival, to_bytes(packet), now.time + kQueueTime};
  if (core_.incoming.push(std::move(held), now.time)) ++core_.counters.queue_overflow;
  look_up(now, source, AskedBy::Stranger, out);
}

bool Exchange::on_whois(Now now, const Peer& from, const Arrival& arrival, PacketId id,
                        ByteView payload, Outbox& out) {
  const auto question = Whois::parse(payload);
  if (!question) {
    ++core_.counters.malformed;
    return false;
  }
  OkWhois answer;
  for (const Address address : question->addresses) {
    if (answer.identities.size() >= kIdentitiesPerAnswer) break;
    if (address == core_.self.address()) {
      answer.identities.push_back(core_.self_public);
    } else if (const Peer* peer = core_.topology.find(address)) {
      answer.identities.push_back(peer->identity);
    } else if (!core_.roots.contains(from.address())) {
      // Perhaps a root of ours knows, and then so shall we when the asker asks again. Not on
      // behalf of roots: two of them would keep asking each other.
      look_up(now, address, AskedBy::Stranger, out);
    }
  }
  if (answer.identities.empty()) return true;
  Peer* asker = core_.topology.find(from.address());
  Writer writer = sender_.begin_ok(from.address(), Verb::Whois, id);
  answer.write(writer);
  sender_.send_back(now, *asker, arrival, Sender::Compress::No, out);
  return true;
}

bool Exchange::on_ok_whois(Now now, const Peer& from, ByteView body) {
  if (!core_.roots.contains(from.address())) return true;
  const auto answer = OkWhois::parse(body);
  if (!answer) {
    ++core_.counters.malformed;
    return false;
  }
  for (const Identity& identity : answer->identities) {
    // Only what we ask for: a validation is work, and a peer record is memory.
    if (!core_.lookups.is_wanted(identity.address())) continue;
    if (core_.topology.find(identity.address()) != nullptr) continue;
    if (!identity.is_valid()) {
      ++core_.counters.invalid_identity;
      continue;
    }
    core_.add_peer(identity, now.time);
  }
  return true;
}

void Exchange::retry(Now now, Outbox& out) {
  if (core_.outgoing.empty()) return;
  for (OutgoingQueue::Packet& packet : core_.outgoing.take(now.time)) {
    Peer* peer = core_.topology.find(packet.to);
    if (peer != nullptr) try_memorized(now, *peer, out);
    if (peer == nullptr || sender_.route_to(*peer, now.time) == nullptr) {
      core_.outgoing.push(std::move(packet));
      continue;
    }
    sender_.begin(packet.to, packet.verb).bytes(packet.payload);
    sender_.send_best(now, *peer, packet.compress ? Sender::Compress::Try : Sender::Compress::No,
                      out);
  }
}

void Exchange::ask_again(Now now, Outbox& out) {
  for (const Address address : core_.lookups.all(now.time)) ask(now, address, out);
}

bool Exchange::on_deadline(Now now, Outbox& out) {
  core_.outgoing.expire(now.time);
  core_.incoming.expire(now.time);
  if (core_.lookups.deadline() > now.time) return false;
  const std::vector<Address> again = core_.lookups.due(now.time);
  for (const Address address : again) ask(now, address, out);
  return !again.empty();
}

Time Exchange::deadline() const {
  return std::min({core_.lookups.deadline(), core_.outgoing.deadline(), core_.incoming.deadline()});
}

}  // namespace ztshim::vl1
