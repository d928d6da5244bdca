// A node, a root and a peer played by hand: what the tests of single packets share.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "common/reader.h"
#include "service/vl1/constants.h"
#include "service/vl1/peer_cache.h"
#include "service/vl1/vl1.h"
#include "service/wire/messages/hello.h"
#include "service/wire/messages/ok.h"
#include "service/wire/messages/push_direct_paths.h"
#include "tests/sim/sim_node.h"

namespace ztshim::vl1 {

inline Endpoint at(const char* text) { return *Endpoint::parse(text); }

// What VL2 would see.
class Upper final : public UpperLayer {
 public:
  struct Seen {
    Verb verb, in_re_verb;
    PacketId in_re_id;
    Bytes payload;
  };
  Verdict on_packet(Now, const Incoming& packet, Outbox&) override {
    seen.push_back({packet.verb, packet.in_re_verb, packet.in_re_id, to_bytes(packet.payload)});
    return verdict;
  }
  void on_identity_known(Now, Address, Outbox&) override {}
  bool is_virtual(const IpAddress&) const override { return false; }

  std::vector<Seen> seen;
  Verdict verdict = Verdict::Done;
};

// Somebody the node corresponds with, played by hand.
struct Correspondent {
  Correspondent(std::size_t n, const Identity& node)
      : identity(sim::identity(n)),
        to(node),
        keys(*identity.agree(node)),
        place{IpAddress::v4(0x09000001U + static_cast<std::uint32_t>(n << 8)), 9993} {}

  Bytes packet(Verb verb, ByteView payload, Suite suite = Suite::AesGmacSiv) {
    Bytes bytes(kPacketHeaderSize);
    write_packet_header(bytes, PacketId(random.number()), to.address(), identity.address(), verb);
    append(bytes, payload);
    keys.seal(bytes, suite);
    return bytes;
  }
  Bytes ok(Verb in_re, PacketId id, ByteView body = {}) {
    Bytes payload;
    Writer out(payload);
    OkHeader{in_re, id, {}}.write(out);
    append(payload, body);
    return packet(Verb::Ok, payload);
  }
  Bytes hello(std::int64_t wall_ms, const Endpoint& sent_to, std::uint64_t planet = 0,
              std::uint64_t planet_timestamp = 0, std::vector<WorldRevision> moons = {}) {
    Hello message;
    message.protocol = kProtocolVersion;
    message.version = {1, 14, 1};
    message.timestamp = static_cast<std::uint64_t>(wall_ms);
    Bytes known;
    Writer copy(known);
    identity.write(copy);
    Reader in(known);
    message.identity = *Identity::read(in);
    message.sent_to = sent_to;
    message.planet_id = planet;
    message.planet_timestamp = planet_timestamp;
    message.moons = std::move(moons);
    Bytes bytes(kPacketHeaderSize);
    write_packet_header(bytes, PacketId(random.number()), to.address(), identity.address(),
                        Verb::Hello);
    Writer out(bytes);
    message.write(out);
    if (const auto tail = Hello::tail_offset(bytes)) keys.crypt_hello_tail(bytes, *tail);
    keys.seal(bytes, Suite::Poly1305None);
    return bytes;
  }
  // The payload-bearing part of a datagram to us, from the verb on; empty when it is not for us.
  Bytes opened(ByteView datagram) const {
    Bytes bytes = to_bytes(datagram);
    if (bytes.size() < kPacketHeaderSize || !keys.open(bytes)) return {};
    return Bytes(bytes.begin() + kVerbOffset, bytes.end());
  }

  Identity identity;
  Identity to;
  PacketKeys keys;
  Endpoint place;
  sim::SeededRandom random{7};
};

class Vl1Test : public ::testing::Test {
 protected:
  Vl1Test() {
    Config config;
    config.identity = own;
    config.planet = sim::planet_of({{root.identity, {root.place}}});
    config.cached_peers = {CachedPeer{root.identity, 12, {1, 14, 1}, {}}.bytes(),
                           CachedPeer{bob.identity, 12, {1, 14, 1}, {}}.bytes()};
    node.emplace(std::move(config), random, upper);
    node->start(now, out);
    answer_greetings(root);
    node->send(now, bob.identity.address(), Verb::Echo, {}, {}, {}, out);
    out.clear();
  }

  // Plays HELLO's other half so that the node has a path to this correspondent.
  void answer_greetings(Correspondent& who) {
    const std::vector<Bytes> sent = datagrams();
    out.clear();
    for (const Bytes& datagram : sent) {
      const auto header = PacketHeader::read(datagram);
      if (!header || header->destination != who.identity.address()) continue;
      if (header->suite() != Suite::Poly1305None) continue;
      OkHello ok;
      ok.protocol = 12;
      ok.version = {1, 14, 1};
      Bytes payload;
      Writer writer(payload);
      OkHeader{Verb::Hello, header->id, {}}.write(writer);
      ok.write(writer);
      receive(who, who.packet(Verb::Ok, payload));
    }
  }
  // A path to bob, by his answer to the HELLO that his packet from a new place brings about.
  void meet_bob() {
    receive(bob, bob.packet(Verb::Nop, {}));
    answer_greetings(bob);
    ASSERT_TRUE(node->is_reachable(now.time, bob.identity.address()));
    out.clear();
  }
  void receive(const Correspondent& who, Bytes datagram, LocalSocket socket = 1) {
    node->on_datagram(now, Arrival{socket, who.place}, datagram, out);
  }
  std::vector<Bytes> datagrams() const {
    std::vector<Bytes> all;
    for (const auto& d : out.datagrams()) all.push_back(to_bytes(out.bytes_of(d)));
    return all;
  }
  std::vector<Bytes> opened_by(const Correspondent& who) const {
    std::vector<Bytes> all;
    for (const Bytes& datagram : datagrams()) {
      const Bytes opened = who.opened(datagram);
      if (!opened.empty()) all.push_back(opened);
    }
    return all;
  }
  void pass(Duration duration) {
    now.time += duration;
    now.wall_ms += duration.count();
  }
  Time last_heard(const Correspondent& who) const {
    for (const PeerInfo& peer : node->peers(now.time)) {
      if (peer.address == who.identity.address()) return peer.last_receive;
    }
    return kLongAgo;
  }

  void make_bob_a_friend() {
    meet_bob();
    upper.verdict = Verdict::Trusted;
    receive(bob, bob.packet(Verb::Frame, as_bytes("frame")));
    upper.verdict = Verdict::Done;
    out.clear();
  }
  // Where packets to `who` went: "socket>address verb".
  std::vector<std::string> sent_to(const Correspondent& who) const {
    std::vector<std::string> all;
    for (const auto& d : out.datagrams()) {
      const Bytes opened = who.opened(out.bytes_of(d));
      if (opened.empty()) continue;
      all.push_back(std::to_string(d.socket) + ">" + d.remote.protocol_text() + " " +
                    std::string(name_of(static_cast<Verb>(opened[0] & 0x1f))));
    }
    return all;
  }
  std::vector<std::string> paths_to(const Correspondent& who) const {
    std::vector<std::string> all;
    for (const PeerInfo& peer : node->peers(now.time)) {
      if (peer.address != who.identity.address()) continue;
      for (const PathInfo& path : peer.paths) {
        all.push_back(std::to_string(path.socket) + ">" + path.remote.protocol_text());
      }
    }
    return all;
  }
  std::vector<Endpoint> pushed_to(const Correspondent& who) const {
    std::vector<Endpoint> all;
    for (const Bytes& opened : opened_by(who)) {
      Bytes whole(kVerbOffset);
      append(whole, opened);
      if ((opened[0] & 0x1f) != static_cast<std::uint8_t>(Verb::PushDirectPaths)) continue;
      const auto push = PushDirectPaths::parse(ByteView(opened).subspan(1));
      if (!push) continue;
      for (const PushedPath& path : push->paths) all.push_back(path.endpoint);
    }
    return all;
  }

  const Identity own = sim::identity(10);
  Correspondent root{11, own};
  Correspondent bob{12, own};
  sim::SeededRandom random{3};
  Upper upper;
  std::optional<Vl1> node;
  Now now{Time{Duration{1'000'000}}, 1'700'000'000'000};
  Outbox out;
};

}  // namespace ztshim::vl1
