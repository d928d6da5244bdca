// The virtual loopback: every address of 127/8 and ::1, and nothing of it on any wire.
#include "service/stack/echo.h"
#include "tests/stack/six_world.h"

namespace ztshim::stack {
namespace {

struct Door final : ListenEvents {
  bool has_room(unsigned) override { return true; }
  std::size_t window_limit() const override { return ReceiveWindow::kMost; }
  bool on_accept(Pcb&& pcb) override {
    accepted = std::move(pcb);
    accepted.listen_to(notes);
    return true;
  }
  SixNotes notes;
  Pcb accepted;
};

class VirtualLoopback : public SixWorld {
 protected:
  ListenPcb listen(Pcb::Kind kind, const IpAddress& on, std::uint16_t port) {
    Pcb bound = Pcb::create(kind);
    EXPECT_TRUE(bound.bind(on, port, false).has_value());
    auto listening = ListenPcb::listen(bound, door);
    EXPECT_TRUE(listening.has_value());
    return std::move(*listening);
  }
  Door door;
};

TEST_F(VirtualLoopback, OwnsAllItsAddressesAndSpeaksFromTheFirst) {
  for (const char* const own : {"127.0.0.1", "127.0.0.0", "127.255.255.255", "::1"}) {
    EXPECT_TRUE(stack.is_own(ip(own))) << own;
    EXPECT_EQ(stack.route(ip(own))->interface, kLoopback) << own;
  }
  EXPECT_EQ(stack.route(ip("127.8.9.10"))->source, ip("127.0.0.1"));
  EXPECT_EQ(stack.route(ip("::1"))->source, ip("::1"));
  EXPECT_FALSE(stack.is_own(ip("128.0.0.1")));
  EXPECT_FALSE(stack.is_own(ip("::2")));
}

TEST_F(VirtualLoopback, CarriesConnectionsOfBothFamiliesAndNoFrameLeaves) {
  const ListenPcb any = listen(Pcb::Kind::Both, {}, 80);
  std::string said;
  for (const char* const to : {"127.0.0.1:80", "127.44.0.3:80", "[::1]:80"}) {
    pcb = {};
    notes.connected = false;
    begin(at(to));
    ASSERT_TRUE(notes.connected) << to;
    EXPECT_EQ(door.accepted.local(), at(to));
    EXPECT_EQ(door.accepted.peer(), pcb.local());
    ASSERT_EQ(pcb.write(ByteView(reinterpret_cast<const std::uint8_t*>("round"), 5)), 5U);
    pcb.push();
    turn();
    said += "round";
    EXPECT_EQ(door.notes.text(), said) << to;
    door.accepted.abort();
    turn();
    EXPECT_EQ(notes.ending, Ending::Reset);
  }
  EXPECT_TRUE(partner.seen.empty());
}

TEST_F(VirtualLoopback, ListenersOnDifferentAddressesAreDifferent) {
  const ListenPcb second = listen(Pcb::Kind::V4, ip("127.0.0.2"), 80);
  begin(at("127.0.0.1:80"));
  EXPECT_EQ(notes.ending, Ending::Reset);
  begin(at("127.0.0.2:80"));
  EXPECT_TRUE(notes.connected);
  pcb = {};
  begin(at("[::1]:80"));
  EXPECT_FALSE(pcb);
}

TEST_F(VirtualLoopback, MixesWithOurOtherAddresses) {
  const ListenPcb any = listen(Pcb::Kind::V4, {}, 80);
  pcb = Pcb::create(Pcb::Kind::V4);
  pcb.listen_to(notes);
  ASSERT_TRUE(pcb.bind(ip("10.1.0.1"), 0, false).has_value());
  ASSERT_TRUE(pcb.connect({}, at("127.0.0.1:80")).has_value());
  turn();
  EXPECT_TRUE(notes.connected);
  EXPECT_EQ(door.accepted.peer().ip, ip("10.1.0.1"));
  EXPECT_TRUE(partner.seen.empty());
}

TEST_F(VirtualLoopback, NeverSpeaksToANetwork) {
  pcb = Pcb::create(Pcb::Kind::V4);
  pcb.listen_to(notes);
  ASSERT_TRUE(pcb.bind(ip("127.0.0.1"), 0, false).has_value());
  static_cast<void>(pcb.connect({}, at("10.1.0.2:80")));
  pass(Duration{3'000});
  pcb = Pcb::create(Pcb::Kind::V6);
  pcb.listen_to(notes);
  ASSERT_TRUE(pcb.bind(ip("::1"), 0, false).has_value());
  static_cast<void>(pcb.connect({}, at("[fd00:1::2]:80")));
  pass(Duration{3'000});
  EXPECT_TRUE(partner.seen.empty());
  EXPECT_TRUE(partner.arp_asked_for.empty());
}

TEST_F(VirtualLoopback, IsDeafToNetworks) {
  const ListenPcb any = listen(Pcb::Kind::Both, {}, 80);
  const ListenPcb own = listen(Pcb::Kind::V4, ip("127.0.0.1"), 81);
  const auto forge = [&](const char* from, const char* to) {
    for (const std::uint64_t mac : {kOurMac, Partner::kBroadcast}) {
      partner.send(stack, mac, {at(from), at(to), 100, 0, Segment::Syn, 1000, {}, {}});
    }
    turn();
  };
  forge("10.1.0.2:4000", "127.0.0.1:80");
  forge("10.1.0.2:4000", "127.0.0.1:81");
  forge("10.1.0.2:4000", "127.9.9.9:80");
  forge("[fd00:1::2]:4000", "[::1]:80");
  forge("127.0.0.1:4000", "10.1.0.1:80");
  forge("[::1]:4000", "[fd00:1::1]:80");
  EXPECT_TRUE(partner.take_segments().empty());
  EXPECT_FALSE(door.accepted);
  stack.input(kLoopback, 0, 0, Partner::kIp,
              ipv4_packet(ip("127.0.0.1"), ip("127.0.0.1"), 1, Bytes(8)));
  turn();
  EXPECT_TRUE(partner.seen.empty());
}

TEST_F(VirtualLoopback, AnswersPings) {
  std::vector<EchoReply> replies;
  stack.set_echo_listener([&](const EchoReply& reply) { replies.push_back(reply); });
  for (const char* const to : {"127.0.0.1", "127.3.3.3", "::1"}) {
    replies.clear();
    ASSERT_EQ(stack.send_echo(*stack.route(ip(to)), {ip(to), 9, 1, Bytes(56)}), std::errc{});
    turn();
    ASSERT_EQ(replies.size(), 1U) << to;
    EXPECT_EQ(replies[0].from, ip(to));
  }
  EXPECT_TRUE(partner.seen.empty());
}

TEST_F(VirtualLoopback, IsThereWithoutAnyNetwork) {
  stack.remove_interface(kNet);
  const ListenPcb any = listen(Pcb::Kind::V4, {}, 80);
  begin(at("127.0.0.1:80"));
  EXPECT_TRUE(notes.connected);
}

}  // namespace
}  // namespace ztshim::stack
