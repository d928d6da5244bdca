// A node with a root and a peer, and whatever these two and strangers may send it; the stream of
// the TCP fallback; records of the peer cache.
//
// First byte 0: a stream. 1: a record. Else: steps one after the other, each as kind (1), place
// (1), length (2), bytes. Kinds: a raw datagram; a packet of the peer or of the root (verb, then
// payload); an OK to what was last sent to them; time passes; a socket comes or goes.
#include <optional>

#include "common/log.h"
#include "common/reader.h"
#include "service/vl1/peer_cache.h"
#include "service/vl1/tcp_fallback.h"
#include "service/vl1/vl1.h"
#include "service/wire/messages/ok.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim_node.h"

using namespace ztshim;

namespace {

enum class Kind : std::uint8_t {
  Datagram,
  OfPeer,
  OfRoot,
  OkOfPeer,
  OkOfRoot,
  Time,
  Sockets,
  Last
};

constexpr std::size_t kLongestRecord = 71 + 4096;

struct Someone {
  Identity identity;
  PacketKeys keys;
  Endpoint place;
};

class Stage {
 public:
  Stage() {
    vl1::Config config;
    config.identity = own_;
    config.planet = sim::planet_of({{root_.identity, {root_.place}}});
    config.cached_peers = {vl1::CachedPeer{root_.identity, 12, {1, 14, 1}, {}}.bytes(),
                           vl1::CachedPeer{peer_.identity, 12, {1, 14, 1}, {peer_.place}}.bytes()};
    node_.emplace(std::move(config), random_, upper_);
    node_->start(now_, out_);
    remember_and_clear();
  }

  void step(Kind kind, std::uint8_t place, ByteView bytes) {
    switch (kind) {
      case Kind::Datagram:
        receive({1U + place % 3, {IpAddress::v4(0x09000000U + place), 9993}}, to_bytes(bytes));
        break;
      case Kind::OfPeer:
        packet(peer_, place, bytes);
        break;
      case Kind::OfRoot:
        packet(root_, place, bytes);
        break;
      case Kind::OkOfPeer:
        ok(peer_, place, bytes);
        break;
      case Kind::OkOfRoot:
        ok(root_, place, bytes);
        break;
      case Kind::Time:
        now_.time += Duration{place * 251};
        now_.wall_ms += place * 251;
        node_->on_deadline(now_, out_);
        break;
      case Kind::Sockets:
        node_->set_sockets(now_, {{1U + place % 3, {{IpAddress::v4(0x09050000U + place), 9}}}},
                           out_);
        break;
      case Kind::Last:
        break;
    }
    remember_and_clear();
    const vl1::Sizes sizes = node_->sizes();
    ZTSHIM_MUST_HOLD(sizes.peers <= 3 && sizes.waiting_in <= vl1::kQueueLength);
    ZTSHIM_MUST_HOLD(sizes.incomplete <= vl1::kIncompletePackets);
    ZTSHIM_MUST_HOLD(node_->next_deadline() > kLongAgo);
  }

 private:
  static Someone someone(std::size_t n, const Identity& to, std::uint32_t ip) {
    const Identity identity = sim::identity(n);
    return {identity, PacketKeys(*identity.agree(to)), {IpAddress::v4(ip), 9993}};
  }
  void receive(const Arrival& from, Bytes datagram) {
    node_->on_datagram(now_, from, datagram, out_);
  }
  // The first byte is the verb.
  void packet(const Someone& who, std::uint8_t place, ByteView bytes) {
    if (bytes.empty()) return;
    Bytes packet(kPacketHeaderSize);
    write_packet_header(packet, PacketId(random_.number()), own_.address(), who.identity.address(),
                        Verb::Nop);
    packet[kVerbOffset] = bytes[0];
    append(packet, bytes.subspan(1));
    const Suite suites[] = {Suite::Poly1305None, Suite::Poly1305Salsa2012, Suite::AesGmacSiv};
    who.keys.seal(packet, suites[place % 3]);
    Endpoint from = who.place;
    if (place >= 128) from.port = place;
    receive({1, from}, std::move(packet));
  }
  void ok(const Someone& who, std::uint8_t place, ByteView body) {
    if (!last_) return;
    Bytes payload{static_cast<std::uint8_t>(Verb::Ok)};
    Writer out(payload);
    OkHeader{static_cast<Verb>(place % 32), *last_, body}.write(out);
    append(payload, body);
    packet(who, place, payload);
  }
  void remember_and_clear() {
    for (const auto& sent : out_.datagrams()) {
      ZTSHIM_MUST_HOLD(sent.size <= 1500);
      const Bytes datagram = to_bytes(out_.bytes_of(sent));
      if (const auto header = PacketHeader::read(datagram)) last_ = header->id;
    }
    out_.clear();
  }

  const Identity own_ = sim::identity(10);
  Someone root_ = someone(11, own_, 0x09010101);
  Someone peer_ = someone(12, own_, 0x09020202);
  sim::SeededRandom random_{1};
  sim::TextLayer upper_;
  std::optional<vl1::Vl1> node_;
  Now now_{Time{Duration{1'000'000}}, 1'700'000'000'000};
  Outbox out_;
  std::optional<PacketId> last_;
};

void run_steps(Reader in) {
  Stage stage;
  while (!in.at_end()) {
    const auto kind = static_cast<Kind>(in.be<std::uint8_t>() % static_cast<unsigned>(Kind::Last));
    const auto place = in.be<std::uint8_t>();
    const std::size_t length = in.be<std::uint16_t>();
    stage.step(kind, place, in.take(std::min(length, in.remaining())));
  }
}

void read_stream(ByteView bytes) {
  vl1::TcpFallback relay({vl1::TcpFallback::Mode::Forced, {}}, Time{});
  relay.on_connected(Time{});
  const std::size_t middle = bytes.size() / 2;
  const auto deliver = [](const Endpoint& from, MutableBytes datagram) {
    ZTSHIM_MUST_HOLD(from.port != 0 && datagram.size() >= 16);
  };
  if (relay.on_bytes(bytes.first(middle), deliver)) relay.on_bytes(bytes.subspan(middle), deliver);
}

void read_record(ByteView bytes) {
  const auto record = vl1::CachedPeer::parse(bytes);
  if (!record) return;
  const Bytes again = record->bytes();
  ZTSHIM_MUST_HOLD(again.size() <= kLongestRecord);
  const auto same = vl1::CachedPeer::parse(again);
  ZTSHIM_MUST_HOLD(same && same->identity == record->identity);
  ZTSHIM_MUST_HOLD(same->addresses == record->addresses);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  configure_log("off");
  if (size == 0) return 0;
  const ByteView bytes(data, size);
  if (bytes[0] == 0) {
    read_stream(bytes.subspan(1));
  } else if (bytes[0] == 1) {
    read_record(bytes.subspan(1));
  } else {
    run_steps(Reader(bytes.subspan(1)));
  }
  return 0;
}
