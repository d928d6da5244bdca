// captures/, played to a node of ours in the place of each of the recorded ones: what arrived there
// arrives, at its time, and what the genuine node did about it must come out.
//
// Answers to requests name the request's packet ID, and ours has others: such answers are sealed
// again with the ID of our own request of the same kind. Everything else arrives as recorded. The
// host behind the virtual interface sends the frames it sent in the recording.
//
// Compared are answers, byte for byte, way and suite included, and where none was given; what a
// relay passed on; introductions, hole punching, confirmation of places; frames that were
// delivered. Not compared: what the recorded nodes sent by their own clocks, and the ERROR for a
// multicast that overtook its sender's credentials inside the receiver.
#include <gmock/gmock.h>

#include "service/node/node.h"
#include "service/wire/messages/frame.h"
#include "service/wire/messages/multicast_frame.h"
#include "service/wire/messages/multicast_gather.h"
#include "tests/vectors/recording.h"

namespace ztshim::vectors {
namespace {

using std::chrono::milliseconds;

struct Role {
  std::string file, name;
  friend void PrintTo(const Role& role, std::ostream* out) {
    *out << role.file << ' ' << role.name;
  }
};

std::vector<Role> roles() {
  std::vector<Role> all;
  for (const auto& [file, json] : recording_files()) {
    for (const Json& node : json.at("nodes")) {
      // One recorded node is 1.4.6: it says so, and knows no AES, so that its answers are not ours.
      const bool is_like_us = node.at("software") == "ZeroTier One 1.14.1";
      if (is_like_us) all.push_back({file, node.at("name")});
    }
  }
  return all;
}

// One packet of ours, opened; or junk, which is no packet.
struct Sent {
  Endpoint to;
  std::optional<PacketHeader> header;
  Bytes wire;
  Bytes clear;  // from the verb on, decompressed
  bool is_answered = false;

  bool is(Verb verb) const { return header && (clear.at(0) & 0x1f) == static_cast<int>(verb); }
};

struct Delivered {
  std::uint16_t ether_type;
  std::string data;
  bool operator==(const Delivered&) const = default;
  friend void PrintTo(const Delivered& d, std::ostream* out) {
    *out << d.ether_type << ' ' << d.data;
  }
};

class CaptureReplay : public ::testing::TestWithParam<Role> {
 protected:
  CaptureReplay()
      : recording_(recording_files().at(GetParam().file)), us_(recording_.parties.at(name())) {
    Environment environment;
    environment.vl1.identity = us_.identity;
    environment.vl1.planet = recording_.planet;
    environment.run_controller = name() == "r";
    node_ = std::make_unique<Node>(std::move(environment), random_);
  }
  const std::string& name() const { return GetParam().name; }
  Address self() const { return us_.identity.address(); }

  // By the recorded clocks: the first packet is a HELLO, which tells the time.
  Now at(Duration since_first) const {
    std::int64_t wall = 0;
    for (std::size_t i = 6; i < 14; ++i) wall = wall << 8 | recording_.packets[0].clear.at(i);
    return {Time{std::chrono::hours{1}} + since_first, wall + since_first.count()};
  }
  void act(Duration when, const std::function<void(Now, Outbox&)>& action) {
    Outbox out;
    action(at(when), out);
    reaction_.clear();
    for (const Outbox::Datagram& datagram : out.datagrams()) {
      reaction_.push_back(opened_packet(datagram.remote, to_bytes(out.bytes_of(datagram))));
      sent_.push_back(reaction_.back());
    }
    for (const Outbox::Frame& frame : out.frames()) {
      delivered_.push_back({frame.ether_type, to_hex(out.bytes_of(frame))});
    }
  }
  Sent opened_packet(const Endpoint& to, Bytes bytes) const {
    Sent sent{to, {}, bytes, {}};
    if (kind_of_datagram(bytes) != DatagramKind::Packet) return sent;
    const auto header = PacketHeader::read(bytes);
    if (!recording_.keys(header->source, header->destination).open(bytes)) return sent;
    EXPECT_TRUE(decompress_packet(bytes));
    sent.header = header;
    sent.clear = to_bytes(ByteView(bytes).subspan(kVerbOffset));
    return sent;
  }
  void run_until(Duration when) {
    for (int turns = 0; node_->next_deadline() <= at(when).time && turns < 1000; ++turns) {
      const Duration due = std::max(now_, std::chrono::duration_cast<Duration>(
                                              node_->next_deadline() - at(Duration{0}).time));
      act(due, [&](Now now, Outbox& out) { node_->on_deadline(now, out); });
      now_ = due;
    }
    now_ = when;
  }

  // ---- what the genuine node did of itself, and its host

  void play() {
    bool started = name() == "r";
    if (started) start(Duration{0});
    for (const RecordedPacket& packet : recording_.packets) {
      SCOPED_TRACE("packet " + std::to_string(packet.number));
      if (!started && packet.from == us_.endpoint) {
        start(packet.time);
        started = true;
      }
      if (!started) continue;
      run_until(packet.time);
      if (packet.is_packet() && packet.from == us_.endpoint) do_of_our_own(packet);
      if (packet.is_packet() && packet.to == us_.endpoint) arrive(packet);
    }
    run_until(recording_.packets.back().time + milliseconds(100));
  }
  void start(Duration when) {
    now_ = when;
    act(when, [&](Now now, Outbox& out) {
      node_->vl1().set_sockets(now, {{kAnySocket, {us_.endpoint}}}, out);
      node_->start(now, out);
      if (name() != "r") return;
      ASSERT_TRUE(node_->controller()->change_network(
          now, recording_.network, R"({"private": true, "v4AssignMode": {"zt": true}})", out));
    });
  }
  void do_of_our_own(const RecordedPacket& packet) {
    if (packet.header.source != self()) return;
    const NetworkId network = recording_.network;
    if (packet.verb == Verb::NetworkConfigRequest && !joined_) {
      joined_ = true;
      act(packet.time, [&](Now now, Outbox& out) { node_->join(now, network, out); });
    }
    if (packet.verb == Verb::Frame) {
      const auto frame = Frame::parse(packet.payload()).value();
      const auto to = MacAddress::of_member(packet.header.destination, network);
      send_frame(packet.time, to, frame.ether_type, frame.data);
    }
    // A host's broadcast shows as the search for its listeners first, if none is known yet.
    if (packet.verb == Verb::MulticastGather) {
      const auto gather = MulticastGather::parse(packet.payload()).value();
      for (const RecordedPacket& later : recording_.packets) {
        if (!is_our_multicast(later) || later.number < packet.number) continue;
        const auto frame = MulticastFrame::parse(later.payload()).value();
        if (!(frame.group == gather.group) || !broadcast_.insert(later.number).second) continue;
        return send_frame(packet.time, frame.group.mac, frame.ether_type, frame.data);
      }
    }
    if (is_our_multicast(packet) && broadcast_.insert(packet.number).second) {
      const auto frame = MulticastFrame::parse(packet.payload()).value();
      send_frame(packet.time, frame.group.mac, frame.ether_type, frame.data);
    }
  }
  bool is_our_multicast(const RecordedPacket& packet) const {
    return packet.is_packet() && packet.verb == Verb::MulticastFrame &&
           packet.from == us_.endpoint && packet.header.source == self();
  }
  void send_frame(Duration when, MacAddress to, std::uint16_t ether_type, ByteView data) {
    act(when, [&](Now now, Outbox& out) {
      node_->on_frame(now, recording_.network, to,
                      MacAddress::of_member(self(), recording_.network), ether_type, data, out);
    });
  }

  // ---- what arrived, and what must come of it

  void arrive(const RecordedPacket& packet) {
    const bool for_us = packet.header.destination == self();
    std::vector<Bytes> datagrams = packet.datagrams;
    if (for_us && (packet.verb == Verb::Ok || packet.verb == Verb::Error)) {
      if (auto bytes = as_answer_to_ours(packet)) datagrams = {*bytes};
    }
    if (for_us && packet.verb == Verb::NetworkConfigRequest) authorise_as_recorded(packet);
    act(packet.time, [&](Now now, Outbox& out) {
      for (Bytes& datagram : datagrams) {
        node_->on_datagram(now, Arrival{1, packet.from}, datagram, out);
      }
    });
    if (!for_us) return expect_forwarded(packet);
    expect_answers(packet);
    if (packet.verb == Verb::Hello) expect_confirmation(packet);
    if (packet.verb == Verb::Rendezvous) expect_punching(packet);
    if (packet.verb == Verb::PushDirectPaths) expect_no_probes(packet);
    if (packet.verb == Verb::Error && packet.in_re_verb() == Verb::NetworkConfigRequest) {
      EXPECT_EQ(node_->vl2().info(recording_.network)->status, vl2::NetworkStatus::AccessDenied);
    }
    if (packet.verb == Verb::Ok && packet.in_re_verb() == Verb::NetworkConfigRequest) {
      EXPECT_EQ(node_->vl2().info(recording_.network)->status, vl2::NetworkStatus::Ok);
    }
  }

  // The recorded answer, as if to our latest request of that kind; nothing if we have made none.
  std::optional<Bytes> as_answer_to_ours(const RecordedPacket& packet) {
    const RecordedPacket* asked = by_id(packet.in_re());
    if (asked == nullptr || asked->header.source != self()) return std::nullopt;
    for (auto ours = sent_.rbegin(); ours != sent_.rend(); ++ours) {
      if (ours->is_answered || !ours->is(asked->verb)) continue;
      if (ours->header->destination != packet.header.source) continue;
      if (asked->verb == Verb::Whois && ours->clear != asked->clear) continue;
      ours->is_answered = true;
      ++answers_;
      Bytes bytes(kPacketHeaderSize);
      write_packet_header(bytes, packet.header.id, packet.header.destination, packet.header.source,
                          packet.verb);
      append(bytes, packet.payload());
      for (std::size_t i = 0; i < 8; ++i) {
        bytes[kPacketHeaderSize + 1 + i] =
            static_cast<std::uint8_t>(ours->header->id.number() >> (56 - 8 * i));
      }
      recording_.keys(packet.header.source, self()).seal(bytes, packet.header.suite());
      for (unsigned hop = 0; hop < packet.header.hops(); ++hop) add_hop(bytes);
      return bytes;
    }
    return std::nullopt;
  }
  const RecordedPacket* by_id(PacketId id) const {
    for (const RecordedPacket& packet : recording_.packets) {
      if (packet.is_packet() && packet.header.id == id) return &packet;
    }
    return nullptr;
  }
  void authorise_as_recorded(const RecordedPacket& request) {
    for (const RecordedPacket& answer : recording_.packets) {
      if (!answer.is_packet() || answer.verb != Verb::Ok || answer.in_re() != request.header.id) {
        continue;
      }
      act(request.time, [&](Now now, Outbox& out) {
        ASSERT_TRUE(node_->controller()->change_member(
            now, recording_.network, request.header.source, R"({"authorized": true})", out));
      });
    }
  }

  // OKs and ERRORs, which go back at once on the way the request came (vl1-behaviour 4.4).
  void expect_answers(const RecordedPacket& packet) {
    // Frames may wait for an identity; they are looked at in the end.
    if (packet.verb == Verb::MulticastFrame) return;
    std::vector<std::string> expected, got;
    for (const RecordedPacket& answer : recording_.packets) {
      if (!answer.is_packet() || answer.from != us_.endpoint || answer.header.source != self())
        continue;
      if (answer.verb != Verb::Ok && answer.verb != Verb::Error) continue;
      if (answer.in_re() != packet.header.id) continue;
      expected.push_back(text(answer.to, answer.header, answer.clear));
    }
    for (const Sent& sent : reaction_) {
      if (!sent.is(Verb::Ok) && !sent.is(Verb::Error)) continue;
      // Others answer packets that had waited for an identity.
      if (in_re_of(sent.clear) != packet.header.id) continue;
      got.push_back(text(sent.to, *sent.header, sent.clear));
    }
    EXPECT_THAT(got, ::testing::UnorderedElementsAreArray(expected));
    answers_ += expected.size();
  }
  // A configuration is the controller's own; of its answer only the network is compared.
  std::string text(const Endpoint& to, const PacketHeader& header, Bytes clear) const {
    constexpr std::size_t kUpToNetwork = 1 + 9 + 8;
    const bool is_config = clear[0] == static_cast<int>(Verb::Ok) &&
                           clear[1] == static_cast<int>(Verb::NetworkConfigRequest);
    if (is_config) clear.resize(kUpToNetwork);
    return to.protocol_text() + " suite " + std::to_string(static_cast<int>(header.suite())) + " " +
           to_hex(clear);
  }

  void expect_forwarded(const RecordedPacket& packet) {
    const auto forwarded = std::find_if(recording_.packets.begin(), recording_.packets.end(),
                                        [&](const RecordedPacket& later) {
                                          return later.is_packet() && later.from == us_.endpoint &&
                                                 later.header.id == packet.header.id;
                                        });
    ASSERT_NE(forwarded, recording_.packets.end());
    ASSERT_FALSE(reaction_.empty());
    EXPECT_EQ(reaction_[0].to, forwarded->to);
    EXPECT_EQ(to_hex(reaction_[0].wire), to_hex(forwarded->datagrams.at(0)));
    ++forwarded_;
  }
  // Recorded with this delay after the packet, at most: it waited for nothing but the processor.
  static constexpr milliseconds kAtOnce{60};
  bool follows(const RecordedPacket& packet,
               const std::function<bool(const RecordedPacket&)>& what) {
    return std::any_of(recording_.packets.begin(), recording_.packets.end(),
                       [&](const RecordedPacket& later) {
                         return later.number > packet.number && later.from == us_.endpoint &&
                                later.time - packet.time < kAtOnce && what(later);
                       });
  }
  void expect_confirmation(const RecordedPacket& packet) {
    const bool expected = follows(packet, [&](const RecordedPacket& later) {
      return later.is_packet() && later.verb == Verb::Hello && later.to == packet.from;
    });
    const bool got = std::any_of(reaction_.begin(), reaction_.end(), [&](const Sent& sent) {
      return sent.is(Verb::Hello) && sent.to == packet.from;
    });
    if (expected) {
      EXPECT_TRUE(got) << "a place that is not a path yet is greeted";
      ++confirmed_;
    }
  }
  void expect_punching(const RecordedPacket& packet) {
    const bool expected =
        follows(packet, [](const RecordedPacket& later) { return !later.is_packet(); });
    bool junk = false, hello = false;
    for (const Sent& sent : reaction_) {
      if (!sent.header && sent.wire.size() == 4) junk = true;
      if (sent.is(Verb::Hello)) hello = true;
    }
    EXPECT_EQ(junk, expected);
    EXPECT_EQ(hello, expected);
  }
  void expect_no_probes(const RecordedPacket& packet) {
    ASSERT_FALSE(follows(packet, [&](const RecordedPacket& later) {
      return later.is_packet() && (later.verb == Verb::Hello || later.verb == Verb::Echo);
    }));
    for (const Sent& sent : reaction_) EXPECT_FALSE(sent.is(Verb::Hello) || sent.is(Verb::Echo));
  }

  const Recording recording_;
  const Recording::Party us_;
  sim::SeededRandom random_{17};
  std::unique_ptr<Node> node_;
  Duration now_{0};
  bool joined_ = false;
  std::set<unsigned> broadcast_;  // frames of the host that have been sent
  std::vector<Sent> sent_, reaction_;
  std::vector<Delivered> delivered_;
  std::size_t answers_ = 0, forwarded_ = 0, confirmed_ = 0;
};

INSTANTIATE_TEST_SUITE_P(, CaptureReplay, ::testing::ValuesIn(roles()), [](const auto& r) {
  return test_name(r.param.file + "_" + r.param.name);
});

TEST_P(CaptureReplay, gives_the_recorded_reactions) {
  play();
  EXPECT_EQ(node_->vl1().counters().not_authentic, 0U);
  EXPECT_EQ(node_->vl1().counters().malformed, 0U);
  EXPECT_GT(answers_, 5U);
  EXPECT_EQ(confirmed_ > 0, name() != "a");  // a was the first to learn each of its paths
  EXPECT_EQ(forwarded_ > 0, name() == "r");

  // Introductions, by a root.
  std::vector<std::string> introduced, expected_introductions;
  for (const Sent& sent : sent_) {
    if (sent.is(Verb::Rendezvous)) introduced.push_back(text(sent.to, *sent.header, sent.clear));
  }
  // Frames, at a member: every one that was sent to it, once.
  std::vector<Delivered> expected_frames;
  // Answers to multicasts, which may have waited for their sender's identity.
  std::vector<std::string> expected_oks, oks;
  for (const RecordedPacket& packet : recording_.packets) {
    if (!packet.is_packet()) continue;
    if (packet.from == us_.endpoint && packet.verb == Verb::Rendezvous) {
      expected_introductions.push_back(text(packet.to, packet.header, packet.clear));
    }
    const bool is_answer_of_ours = packet.from == us_.endpoint && packet.header.source == self();
    if (is_answer_of_ours && packet.verb == Verb::Ok &&
        packet.in_re_verb() == Verb::MulticastFrame) {
      expected_oks.push_back(to_hex(packet.clear));
    }
    if (packet.to != us_.endpoint || packet.header.destination != self()) continue;
    if (packet.verb == Verb::Frame) {
      const auto frame = Frame::parse(packet.payload()).value();
      expected_frames.push_back({frame.ether_type, to_hex(frame.data)});
    }
    if (packet.verb == Verb::MulticastFrame) {
      const auto frame = MulticastFrame::parse(packet.payload()).value();
      expected_frames.push_back({frame.ether_type, to_hex(frame.data)});
    }
  }
  for (const Sent& sent : sent_) {
    if (sent.is(Verb::Ok) && sent.header->source == self() &&
        sent.clear.at(1) == static_cast<int>(Verb::MulticastFrame)) {
      oks.push_back(to_hex(sent.clear));
    }
  }
  EXPECT_THAT(introduced, ::testing::UnorderedElementsAreArray(expected_introductions));
  EXPECT_EQ(delivered_.empty(), name() == "r");
  EXPECT_THAT(delivered_, ::testing::UnorderedElementsAreArray(expected_frames));
  EXPECT_THAT(oks, ::testing::UnorderedElementsAreArray(expected_oks));
}

}  // namespace
}  // namespace ztshim::vectors
