// One lwIP against a scripted neighbour: what goes on the wire, and what is accepted from it.
#include "service/stack/stack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "service/stack/pcb.h"
#include "tests/stack/partner.h"

namespace ztshim::stack {
namespace {

constexpr InterfaceId kNet{7};
constexpr std::uint64_t kOurMac = 0x02'11'22'33'44'55;
constexpr std::uint64_t kPartnerMac = 0x02'66'77'88'99'aa;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }
Endpoint at(const char* text) { return *Endpoint::parse(text); }

// Takes notes, as every implementer must.
struct Notes final : PcbEvents {
  void on_connected() override { connected = true; }
  void on_data(pbuf* chain) override { received.append(chain); }
  void on_fin() override { fin = true; }
  void on_acknowledged() override { ++acknowledgements; }
  void on_unreachable(std::errc error) override { unreachable.push_back(error); }
  void on_ending(Ending why) override { ending = why; }

  std::string text() {
    std::string bytes;
    iovec vectors[64];
    const std::size_t count = received.peek(vectors);
    for (std::size_t i = 0; i < count; ++i) {
      bytes.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
    }
    return bytes;
  }

  bool connected = false, fin = false;
  int acknowledgements = 0;
  std::optional<Ending> ending;
  std::vector<std::errc> unreachable;
  PbufQueue received;
};

struct Listening final : ListenEvents {
  bool has_room(unsigned) override { return room; }
  std::size_t window_limit() const override { return ReceiveWindow::kMost; }
  bool on_accept(Pcb&& pcb) override {
    accepted.push_back(std::move(pcb));
    accepted.back().listen_to(notes);
    return true;
  }
  bool room = true;
  Notes notes;
  std::vector<Pcb> accepted;
};

class StackTest : public testing::Test {
 protected:
  StackTest() {
    accepted_.accepted.reserve(16);
    config.name = "zt0";
    config.mac = kOurMac;
    config.addresses = {*IpPrefix::parse("10.1.0.1/24")};
    stack.set_time(now);
    stack.set_interface(kNet, config);
    partner.seen.clear();  // the announcement of our address
    partner.arp_asked_for.clear();
  }

  static void random(MutableBytes bytes) {
    static std::mt19937 engine(11);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine());
  }

  void turn() {
    do {
      stack.set_time(now);
      partner.flush(stack, kOurMac);
      stack.run_timers();
    } while (stack.next_deadline() <= now);
  }
  void pass(Duration time) {
    for (const Time end = now + time; now < end;) {
      now = std::min(end, std::max(stack.next_deadline(), now + Duration{1}));
      turn();
    }
  }
  void send(Segment segment) {
    partner.send(stack, kOurMac, segment);
    turn();
  }
  Segment last() {
    const std::vector<Segment> segments = partner.take_segments();
    EXPECT_FALSE(segments.empty());
    return segments.empty() ? Segment{} : segments.back();
  }

  // A connection to the partner whose handshake is over; the numbers go on from here.
  void establish() {
    pcb = Pcb::create(Pcb::Kind::V4);
    pcb.listen_to(notes);
    ASSERT_TRUE(pcb.connect(ip("10.1.0.1"), at("10.1.0.2:80")).has_value());
    turn();
    const Segment syn = last();
    ASSERT_EQ(syn.flags, Segment::Syn);
    ours = syn.from;
    next_ours = syn.sequence + 1;
    theirs = 5000;
    send({at("10.1.0.2:80"),
          ours,
          theirs++,
          next_ours,
          Segment::Syn | Segment::Ack,
          65535,
          {2, 4, 0x0a, 0xc8, 1, 3, 3, 7},
          {}});
    ASSERT_TRUE(notes.connected);
    partner.seen.clear();
  }
  Segment from_partner(std::uint8_t flags, std::string_view payload = {}) {
    Segment segment{at("10.1.0.2:80"),          ours, theirs, next_ours, flags, 2048, {},
                    to_bytes(as_bytes(payload))};
    theirs += static_cast<std::uint32_t>(payload.size()) + ((flags & Segment::Fin) != 0 ? 1 : 0);
    return segment;
  }

  Time now{Duration{1'000}};
  Partner partner{kNet, "10.1.0.2", kPartnerMac};
  Stack stack{[this](const OutgoingFrame& frame) { partner.on_frame(frame); }, random};
  InterfaceConfig config;
  Notes notes;
  Pcb pcb;
  Listening accepted_;
  Endpoint ours;
  std::uint32_t next_ours = 0, theirs = 0;
};

TEST_F(StackTest, AnnouncesANewAddress) {
  config.addresses.push_back(*IpPrefix::parse("10.1.0.5/24"));
  stack.set_interface(kNet, config);
  ASSERT_EQ(partner.seen.size(), 1U);
  EXPECT_EQ(partner.seen[0].destination, Partner::kBroadcast);
  EXPECT_EQ(partner.seen[0].source, kOurMac);
  EXPECT_EQ(partner.seen[0].payload, arp(1, kOurMac, ip("10.1.0.5"), 0, ip("10.1.0.5")));
}

TEST_F(StackTest, AnswersArpForItsAddressOnly) {
  partner.send_arp_request(stack, kOurMac, ip("10.1.0.1"));
  ASSERT_EQ(partner.seen.size(), 1U);
  EXPECT_EQ(partner.seen[0].destination, kPartnerMac);
  EXPECT_EQ(partner.seen[0].payload, arp(2, kOurMac, ip("10.1.0.1"), kPartnerMac, ip("10.1.0.2")));
  partner.send_arp_request(stack, kOurMac, ip("10.1.0.3"));
  EXPECT_EQ(partner.seen.size(), 1U);
}

TEST_F(StackTest, SecondAddressIsAsGoodAsTheFirst) {
  config.addresses.push_back(*IpPrefix::parse("192.168.5.1/16"));
  stack.set_interface(kNet, config);
  EXPECT_TRUE(stack.is_own(ip("192.168.5.1")));
  partner.seen.clear();
  partner.send_arp_request(stack, kOurMac, ip("192.168.5.1"));
  ASSERT_EQ(partner.seen.size(), 1U);
  partner.send_ping(stack, kOurMac, ip("192.168.5.1"), as_bytes("echo"));
  turn();
  ASSERT_EQ(partner.seen.size(), 2U);
  EXPECT_EQ(IpAddress::v4(ByteView(partner.seen[1].payload).subspan(12, 4)), ip("192.168.5.1"));
  EXPECT_EQ(stack.route(ip("192.168.77.77"))->source, ip("192.168.5.1"));
}

TEST_F(StackTest, AnswersPing) {
  partner.send_ping(stack, kOurMac, ip("10.1.0.1"), as_bytes("anybody there?"));
  turn();
  ASSERT_FALSE(partner.seen.empty());
  const Frame& answer = partner.seen.back();
  EXPECT_EQ(answer.destination, kPartnerMac);
  ASSERT_EQ(answer.payload.size(), 20U + 8 + 14);
  EXPECT_EQ(answer.payload[20], 0);  // echo reply
  EXPECT_EQ(as_text(ByteView(answer.payload).subspan(28)), "anybody there?");
}

TEST_F(StackTest, SynOffersScalingSacksAndTheMtusSegmentSize) {
  pcb = Pcb::create(Pcb::Kind::V4);
  pcb.listen_to(notes);
  ASSERT_TRUE(pcb.connect(ip("10.1.0.1"), at("10.1.0.2:80")).has_value());
  turn();
  const Segment syn = last();
  EXPECT_EQ(syn.to, at("10.1.0.2:80"));
  EXPECT_GE(syn.from.port, 32768);
  EXPECT_EQ(syn.options, (Bytes{2, 4, 0x0a, 0xc8, 1, 3, 3, 7, 1, 1, 4, 2}));  // 2760, 2^7
  EXPECT_EQ(syn.window, 65535);
}

TEST_F(StackTest, SynIsRepeatedAtDoublingIntervals) {
  pcb = Pcb::create(Pcb::Kind::V4);
  pcb.listen_to(notes);
  ASSERT_TRUE(pcb.connect(ip("10.1.0.1"), at("10.1.0.2:80")).has_value());
  std::vector<std::int64_t> seconds;
  const Time start = now;
  turn();
  for (int i = 0; i < 1000; ++i) {
    for (const Segment& segment : partner.take_segments()) {
      EXPECT_EQ(segment.flags, Segment::Syn);
      seconds.push_back((now - start).count() / 1000);
    }
    pass(Duration{100});
  }
  EXPECT_EQ(seconds, (std::vector<std::int64_t>{0, 1, 3, 7, 15, 31, 63}));
  EXPECT_FALSE(notes.ending.has_value());
}

TEST_F(StackTest, WindowStartsAtAQuarterOfAMegabyte) {
  establish();
  send(from_partner(Segment::Ack | Segment::Psh, "x"));
  pass(Duration{100});
  EXPECT_EQ(last().window, (ReceiveWindow::kStart - 1) >> 7);
}

TEST_F(StackTest, WindowIsGivenBackOnlyWhenBytesAreTaken) {
  establish();
  for (int i = 0; i < 10; ++i) send(from_partner(Segment::Ack, std::string(2000, 'a')));
  pass(Duration{100});
  EXPECT_EQ(last().window, (ReceiveWindow::kStart - 20'000) >> 7);
  pcb.credit(20'000);
  turn();
  EXPECT_EQ(last().window, ReceiveWindow::kStart >> 7);
}

TEST_F(StackTest, DeliversOutOfOrderSegmentsInOrder) {
  establish();
  const Segment first = from_partner(Segment::Ack, "first ");
  const Segment second = from_partner(Segment::Ack, "second");
  send(second);
  EXPECT_EQ(notes.text(), "");
  send(first);
  EXPECT_EQ(notes.text(), "first second");
}

TEST_F(StackTest, LostSegmentIsRepeatedSoon) {
  establish();
  ASSERT_EQ(pcb.write(as_bytes("important")), 9U);
  pcb.push();
  EXPECT_EQ(as_text(last().payload), "important");
  pass(Duration{1'600});
  EXPECT_EQ(as_text(last().payload), "important");
  next_ours += 9;
  send(from_partner(Segment::Ack));
  EXPECT_EQ(notes.acknowledgements, 1);
  EXPECT_FALSE(pcb.has_unacknowledged());
}

TEST_F(StackTest, ResetByThePeerIsAnEnding) {
  establish();
  send(from_partner(Segment::Rst | Segment::Ack));
  EXPECT_EQ(notes.ending, Ending::Reset);
  EXPECT_FALSE(pcb);
}

TEST_F(StackTest, SilenceOfThePeerIsAnEndingAfterMinutes) {
  establish();
  pcb.write(as_bytes("hello?"));
  pcb.push();
  pass(Duration{60'000});
  EXPECT_FALSE(notes.ending.has_value());
  pass(Duration{900'000});
  EXPECT_EQ(notes.ending, Ending::TimedOut);
}

TEST_F(StackTest, FinInBothDirectionsFinishes) {
  establish();
  pcb.shutdown_write();
  turn();
  EXPECT_TRUE(last().has(Segment::Fin));
  ++next_ours;
  send(from_partner(Segment::Ack));
  EXPECT_FALSE(notes.ending.has_value());
  send(from_partner(Segment::Ack | Segment::Fin, "bye"));
  EXPECT_EQ(notes.text(), "bye");
  EXPECT_TRUE(notes.fin);
  EXPECT_EQ(notes.ending, Ending::Finished);
  EXPECT_FALSE(pcb);
}

TEST_F(StackTest, ClosedPortAnswersReset) {
  send({at("10.1.0.2:1234"), at("10.1.0.1:9"), 100, 0, Segment::Syn, 1000, {}, {}});
  const Segment answer = last();
  EXPECT_TRUE(answer.has(Segment::Rst));
  EXPECT_EQ(answer.acknowledgement, 101U);
}

class ListenTest : public StackTest {
 protected:
  ListenTest() {
    Pcb bound = Pcb::create(Pcb::Kind::V4);
    EXPECT_TRUE(bound.bind(IpAddress{}, 80, true).has_value());
    listener = std::move(*ListenPcb::listen(bound, accepted_));
    // So that answers go out at once.
    partner.send_arp_request(stack, kOurMac, ip("10.1.0.1"));
    partner.seen.clear();
  }

  // The partner connects from this port; its next sequence number is 101.
  Segment handshake(std::uint16_t port) {
    const Endpoint from{partner.ip, port};
    send(
        {from, at("10.1.0.1:80"), 100, 0, Segment::Syn, 65535, {2, 4, 0x0a, 0xc8, 1, 3, 3, 7}, {}});
    const Segment answer = last();
    EXPECT_TRUE(answer.has(Segment::Syn | Segment::Ack));
    send({from, at("10.1.0.1:80"), 101, answer.sequence + 1, Segment::Ack, 512, {}, {}});
    return answer;
  }
  ListenPcb listener;
};

TEST_F(ListenTest, AcceptsAndDelivers) {
  const Segment answer = handshake(4000);
  ASSERT_EQ(accepted_.accepted.size(), 1U);
  EXPECT_EQ(accepted_.accepted[0].peer(), at("10.1.0.2:4000"));
  send({at("10.1.0.2:4000"),
        at("10.1.0.1:80"),
        101,
        answer.sequence + 1,
        Segment::Ack,
        512,
        {},
        to_bytes(as_bytes("request"))});
  EXPECT_EQ(accepted_.notes.text(), "request");
}

TEST_F(ListenTest, UnacceptedConnectionHasASmallWindow) {
  const Segment answer = handshake(4000);
  ASSERT_EQ(accepted_.accepted.size(), 1U);
  const auto window_after = [&](std::uint32_t sequence) {
    send({at("10.1.0.2:4000"),
          at("10.1.0.1:80"),
          sequence,
          answer.sequence + 1,
          Segment::Ack,
          512,
          {},
          to_bytes(as_bytes("abcd"))});
    pass(Duration{100});
    return last().window << 7;
  };
  EXPECT_LT(window_after(101), 65'536);
  accepted_.accepted[0].widen_window();
  EXPECT_GT(window_after(105), 250'000);
}

TEST_F(ListenTest, SynIsIgnoredWhileThereIsNoRoom) {
  accepted_.room = false;
  send({at("10.1.0.2:4000"), at("10.1.0.1:80"), 100, 0, Segment::Syn, 1000, {}, {}});
  EXPECT_TRUE(partner.take_segments().empty());
}

TEST_F(ListenTest, HalfOpenConnectionsOfAStrangerAreBounded) {
  for (std::uint16_t port = 1000; port < 3000; ++port) {
    partner.send(stack, kOurMac,
                 {{partner.ip, port}, at("10.1.0.1:80"), 1, 0, Segment::Syn, 1000, {}, {}});
  }
  turn();
  EXPECT_EQ(partner.take_segments().size(), 255U);
  partner.seen.clear();
  pass(Duration{70'000});
  partner.seen.clear();
  handshake(5000);
  EXPECT_EQ(accepted_.accepted.size(), 1U);
}

TEST_F(ListenTest, NewConnectionFromThePortOfOneInTimeWaitIsLetIn) {
  const Segment answer = handshake(4000);
  accepted_.accepted[0].shutdown_write();
  turn();
  send({at("10.1.0.2:4000"),
        at("10.1.0.1:80"),
        101,
        answer.sequence + 2,
        Segment::Ack | Segment::Fin,
        512,
        {},
        {}});
  EXPECT_EQ(accepted_.notes.ending, Ending::Finished);
  partner.seen.clear();
  const Segment again{
      at("10.1.0.2:4000"), at("10.1.0.1:80"), 90'000, 0, Segment::Syn, 65535, {}, {}};
  send(again);
  EXPECT_TRUE(last().has(Segment::Syn | Segment::Ack));
}

TEST_F(ListenTest, TimeWaitEndsWhenItsAnswerToANewConnectionIsReset) {
  const Segment answer = handshake(4000);
  accepted_.accepted[0].shutdown_write();
  turn();
  send({at("10.1.0.2:4000"),
        at("10.1.0.1:80"),
        101,
        answer.sequence + 2,
        Segment::Ack | Segment::Fin,
        512,
        {},
        {}});
  EXPECT_EQ(accepted_.notes.ending, Ending::Finished);
  partner.seen.clear();
  // Below the old one's numbers.
  const Segment again{at("10.1.0.2:4000"), at("10.1.0.1:80"), 50, 0, Segment::Syn, 65535, {}, {}};
  send(again);
  const Segment old = last();
  EXPECT_EQ(old.flags, Segment::Ack);
  send({at("10.1.0.2:4000"),
        at("10.1.0.1:80"),
        old.acknowledgement + 1,
        0,
        Segment::Rst,
        0,
        {},
        {}});
  send(again);
  EXPECT_EQ(last().flags, Segment::Ack);  // that was somebody who only guesses
  send({at("10.1.0.2:4000"), at("10.1.0.1:80"), old.acknowledgement, 0, Segment::Rst, 0, {}, {}});
  send(again);
  EXPECT_TRUE(last().has(Segment::Syn | Segment::Ack));
}

TEST_F(StackTest, SequenceNumbersGoOnInTheNextProcessOfTheNode) {
  const Bytes secret(16, 0x5a);
  const auto first_number = [&] {
    stack.set_time(now);
    Pcb connecting = Pcb::create(Pcb::Kind::V4);
    Notes unheard;
    connecting.listen_to(unheard);
    EXPECT_TRUE(connecting.bind(ip("10.1.0.1"), 5000, false).has_value());
    EXPECT_TRUE(connecting.connect(ip("10.1.0.1"), at("10.1.0.2:80")).has_value());
    turn();
    const std::uint32_t number = last().sequence;
    connecting.abandon();
    return number;
  };
  stack.set_sequence_secret(secret);
  const std::uint32_t before = first_number();
  stack.set_sequence_secret(Bytes(16, 0x66));
  first_number();
  now += Duration{10};
  stack.set_sequence_secret(secret);
  EXPECT_EQ(first_number() - before, 10U * 15'625U);
}

TEST_F(ListenTest, PacketsForAnotherNetworksAddressAreNobodys) {
  InterfaceConfig second = config;
  second.mac = kOurMac + 1;
  second.addresses = {*IpPrefix::parse("10.2.0.1/24")};
  stack.set_interface(InterfaceId{8}, second);
  send({at("10.1.0.2:4000"), at("10.2.0.1:80"), 100, 0, Segment::Syn, 1000, {}, {}});
  EXPECT_TRUE(partner.take_segments().empty());
}

TEST_F(ListenTest, ForgedAndMisdirectedPacketsAreDropped) {
  const auto syn = [&](const char* from, const char* to) {
    send({at(from), at(to), 100, 0, Segment::Syn, 1000, {}, {}});
  };
  syn("10.1.0.1:4000", "10.1.0.1:80");   // from ourselves
  syn("127.0.0.1:4000", "10.1.0.1:80");  // from loopback
  syn("10.1.0.2:4000", "127.0.0.1:80");  // to loopback
  syn("224.0.0.9:4000", "10.1.0.1:80");  // from a group
  syn("10.1.0.2:4000", "10.1.0.77:80");  // for somebody else
  partner.send(stack, kPartnerMac,
               {at("10.1.0.2:4000"), at("10.1.0.1:80"), 1, 0, Segment::Syn, 9, {}, {}});
  stack.input(kNet, kOurMac, kPartnerMac, Partner::kArp, Bytes(27));
  stack.input(kNet, kOurMac, kPartnerMac, Partner::kIp, Bytes(19));
  stack.input(kNet, kOurMac, kPartnerMac, 0x86dd, Bytes(39));
  stack.input(InterfaceId{99}, kOurMac, kPartnerMac, Partner::kIp, Bytes(40));
  turn();
  EXPECT_TRUE(partner.take_segments().empty());
  EXPECT_TRUE(accepted_.accepted.empty());
}

TEST_F(ListenTest, RandomFramesDoNoHarm) {
  std::mt19937 engine(5);
  for (int i = 0; i < 20'000; ++i) {
    Bytes payload(engine() % 200);
    for (std::uint8_t& byte : payload) byte = static_cast<std::uint8_t>(engine());
    const std::uint16_t type = std::array<std::uint16_t, 3>{0x0800, 0x0806, 0x86dd}[engine() % 3];
    if (type == 0x0800 && payload.size() >= 40) {  // deep enough to be looked at
      const Bytes packet = ipv4_packet(partner.ip, ip("10.1.0.1"), engine() % 2 != 0U ? 6 : 1,
                                       ByteView(payload).subspan(20));
      stack.input(kNet, kOurMac, kPartnerMac, type, packet);
    } else {
      stack.input(kNet, engine() % 2 != 0U ? kOurMac : Partner::kBroadcast, kPartnerMac, type,
                  payload);
    }
    if (i % 100 == 0) pass(Duration{10});
  }
  handshake(4000);
  EXPECT_EQ(accepted_.accepted.size(), 1U);
}

TEST_F(StackTest, RouteGoesByTheLongestPrefixAndItsGateway) {
  config.routes = {{*IpPrefix::parse("172.16.0.0/12"), ip("10.1.0.254"), {}},
                   {*IpPrefix::parse("172.16.5.0/24"), ip("10.1.0.253"), {}},
                   {*IpPrefix::parse("172.17.0.0/16"), {}, {}}};
  stack.set_interface(kNet, config);
  EXPECT_EQ(stack.route(ip("10.1.0.9"))->next_hop, ip("10.1.0.9"));
  EXPECT_EQ(stack.route(ip("172.16.1.1"))->next_hop, ip("10.1.0.254"));
  EXPECT_EQ(stack.route(ip("172.16.5.1"))->next_hop, ip("10.1.0.253"));
  EXPECT_EQ(stack.route(ip("172.17.5.1"))->next_hop, ip("172.17.5.1"));
  EXPECT_EQ(stack.route(ip("172.17.5.1"))->source, ip("10.1.0.1"));
  EXPECT_FALSE(stack.route(ip("8.8.8.8")).has_value());
  EXPECT_EQ(stack.route(ip("10.1.0.1"))->next_hop, ip("10.1.0.1"));
}

TEST_F(StackTest, PacketsBehindAGatewayGoToItsMac) {
  config.routes = {{*IpPrefix::parse("172.16.0.0/12"), ip("10.1.0.254"), {}}};
  stack.set_interface(kNet, config);
  partner.also_answers_for[ip("10.1.0.254")] = 0x02'00'00'00'fe'fe;
  pcb = Pcb::create(Pcb::Kind::V4);
  pcb.listen_to(notes);
  ASSERT_TRUE(pcb.connect(ip("10.1.0.1"), at("172.16.9.9:80")).has_value());
  turn();
  EXPECT_EQ(partner.arp_asked_for, std::vector<IpAddress>{ip("10.1.0.254")});
  ASSERT_EQ(partner.seen.size(), 2U);
  EXPECT_EQ(partner.seen[1].destination, 0x02'00'00'00'fe'feU);
}

TEST_F(StackTest, NeighbourIsKnownOnceItAnswered) {
  const auto hop = stack.route(partner.ip);
  ASSERT_TRUE(hop.has_value());
  EXPECT_FALSE(stack.is_neighbour_known(*hop));
  EXPECT_TRUE(stack.is_neighbour_known(*stack.route(ip("10.1.0.1"))));
  pcb = Pcb::create(Pcb::Kind::V4);
  pcb.listen_to(notes);
  ASSERT_TRUE(pcb.connect(ip("10.1.0.1"), at("10.1.0.2:80")).has_value());
  EXPECT_FALSE(stack.is_neighbour_known(*hop));
  turn();
  EXPECT_TRUE(stack.is_neighbour_known(*hop));
}

TEST_F(StackTest, ConnectionSurvivesAChangeThatKeepsItsAddress) {
  establish();
  config.addresses.insert(config.addresses.begin(), *IpPrefix::parse("10.5.0.1/24"));
  config.routes = {{*IpPrefix::parse("172.16.0.0/12"), ip("10.1.0.254"), {}}};
  stack.set_interface(kNet, config);
  send(from_partner(Segment::Ack, "still there"));
  EXPECT_EQ(notes.text(), "still there");
  config.addresses.erase(config.addresses.begin() + 1);
  stack.set_interface(kNet, config);
  EXPECT_EQ(notes.ending, Ending::AddressGone);
  EXPECT_FALSE(stack.is_own(ip("10.1.0.1")));
  EXPECT_TRUE(stack.is_own(ip("10.5.0.1")));
}

TEST_F(StackTest, ConnectionsToOurselvesNeverLeave) {
  Pcb bound = Pcb::create(Pcb::Kind::V4);
  ASSERT_TRUE(bound.bind(IpAddress{}, 80, false).has_value());
  ListenPcb listener = std::move(*ListenPcb::listen(bound, accepted_));
  pcb = Pcb::create(Pcb::Kind::V4);
  pcb.listen_to(notes);
  ASSERT_TRUE(pcb.connect(ip("10.1.0.1"), at("10.1.0.1:80")).has_value());
  EXPECT_LE(stack.next_deadline(), now);
  turn();
  EXPECT_TRUE(notes.connected);
  ASSERT_EQ(accepted_.accepted.size(), 1U);
  pcb.write(as_bytes("to myself"));
  pcb.push();
  turn();
  EXPECT_EQ(accepted_.notes.text(), "to myself");
  EXPECT_TRUE(partner.seen.empty());
}

TEST_F(StackTest, IdleStackSleepsMostOfTheTime) {
  pass(Duration{100});  // the tick that finds no connections
  int turns = 0;
  for (const Time end = now + Duration{10'000}; now < end; ++turns) {
    now = stack.next_deadline();
    turn();
  }
  EXPECT_LE(turns, 50);  // four timers of a second each
}

}  // namespace
}  // namespace ztshim::stack
