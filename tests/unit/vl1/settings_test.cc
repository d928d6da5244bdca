// What local.conf does to packets: sizes, trusted paths, hints, low-bandwidth mode.
#include "service/vl1/settings.h"

#include <gmock/gmock.h>

#include "service/wire/trusted_path.h"
#include "tests/unit/vl1/vl1_fixture.h"

namespace ztshim::vl1 {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class SettingsTest : public Vl1Test {
 protected:
  static Settings about_network(const IpAddress& ip, PhysicalNetwork network) {
    network.network = {ip, 24};
    Settings settings;
    settings.physical = {network};
    return settings;
  }
  void apply(const Settings& settings) {
    node->configure(now, settings, out);
    out.clear();
  }
  Address bobs() const { return bob.identity.address(); }
  // A packet of bob's that nothing protects.
  Bytes bare(Verb verb, ByteView payload, std::uint64_t number) {
    Bytes bytes(kPacketHeaderSize);
    write_packet_header(bytes, PacketId(random.number()), own.address(), bobs(), verb);
    append(bytes, payload);
    mark_trusted_path(bytes, number);
    return bytes;
  }
};

TEST_F(SettingsTest, packets_are_cut_to_the_size_of_the_network_they_enter) {
  meet_bob();
  PhysicalNetwork network;
  network.mtu = 1400;
  apply(about_network(bob.place.ip, network));
  node->send(now, bobs(), Verb::Frame, Bytes(1400 - kPacketHeaderSize), {}, {}, out);
  EXPECT_EQ(out.datagrams().size(), 1U);
  node->send(now, bobs(), Verb::Frame, Bytes(1401 - kPacketHeaderSize), {}, {}, out);
  EXPECT_EQ(out.datagrams().size(), 3U);
  node->send(now, root.identity.address(), Verb::Frame, Bytes(1432 - kPacketHeaderSize), {}, {},
             out);
  EXPECT_EQ(out.datagrams().size(), 4U);  // elsewhere as usual
}

TEST_F(SettingsTest, what_would_need_an_eighth_datagram_is_not_sent) {
  meet_bob();
  PhysicalNetwork network;
  network.mtu = 1400;
  apply(about_network(bob.place.ip, network));
  const std::size_t most = 1400 + 6 * (1400 - 16);
  EXPECT_TRUE(node->send(now, bobs(), Verb::Frame, Bytes(most - kPacketHeaderSize), {}, {}, out));
  EXPECT_EQ(out.datagrams().size(), 7U);
  EXPECT_FALSE(
      node->send(now, bobs(), Verb::Frame, Bytes(most + 1 - kPacketHeaderSize), {}, {}, out));
}

TEST_F(SettingsTest, into_a_trusted_network_packets_go_bare_but_greetings_and_replies_do_not) {
  meet_bob();
  PhysicalNetwork network;
  network.trusted_path = 0x1122;
  apply(about_network(bob.place.ip, network));
  const auto id = node->send(now, bobs(), Verb::MulticastGather, as_bytes("who?"), {}, {}, out);
  ASSERT_EQ(out.datagrams().size(), 1U);
  const Bytes sent = datagrams()[0];
  EXPECT_EQ(sent[18], 0x10);
  EXPECT_EQ(trusted_path_of(sent), 0x1122U);
  EXPECT_EQ(as_text(ByteView(sent).subspan(kPacketHeaderSize)), "who?");
  // Its answer is expected like any other.
  receive(bob, bob.ok(Verb::MulticastGather, *id, as_bytes("me")));
  EXPECT_EQ(upper.seen.size(), 1U);
  out.clear();
  receive(bob, bob.packet(Verb::Echo, {}));
  ASSERT_EQ(datagrams().size(), 1U);
  EXPECT_EQ(PacketHeader::read(datagrams()[0])->suite(), Suite::AesGmacSiv);
}

TEST_F(SettingsTest, what_a_relay_passes_on_is_sealed_although_the_relay_is_trusted) {
  PhysicalNetwork network;
  network.trusted_path = 0x1122;
  apply(about_network(root.place.ip, network));
  node->send(now, bobs(), Verb::Frame, as_bytes("secret"), {}, {}, out);  // no path but the root's
  ASSERT_EQ(out.datagrams().size(), 1U);
  EXPECT_EQ(out.datagrams()[0].remote, root.place);
  EXPECT_EQ(PacketHeader::read(datagrams()[0])->suite(), Suite::AesGmacSiv);
}

TEST_F(SettingsTest, bare_packets_are_believed_by_number_and_source_only) {
  meet_bob();
  receive(bob, bare(Verb::Frame, as_bytes("off by default"), 0x1122));
  EXPECT_THAT(upper.seen, IsEmpty());
  PhysicalNetwork network;
  network.trusted_path = 0x1122;
  apply(about_network(bob.place.ip, network));
  receive(bob, bare(Verb::Frame, as_bytes("wrong number"), 0x1123));
  receive(bob, bare(Verb::Frame, as_bytes("no number"), 0));
  receive(root, bare(Verb::Frame, as_bytes("wrong place"), 0x1122));
  EXPECT_THAT(upper.seen, IsEmpty());
  EXPECT_EQ(node->counters().not_authentic, 4U);
  receive(bob, bare(Verb::Frame, as_bytes("right"), 0x1122));
  ASSERT_EQ(upper.seen.size(), 1U);
  EXPECT_EQ(as_text(upper.seen[0].payload), "right");
}

TEST_F(SettingsTest, a_hint_is_tried_every_30_seconds_while_there_is_no_direct_path) {
  Settings settings;
  settings.peers[bobs()].hints = {bob.place};
  apply(settings);
  const std::string greeting = "0>" + bob.place.protocol_text() + " HELLO";
  const auto greetings = [&] {
    out.clear();
    node->send(now, bobs(), Verb::Frame, as_bytes("x"), {}, {}, out);
    const auto sent = sent_to(bob);
    return std::count(sent.begin(), sent.end(), greeting);
  };
  EXPECT_EQ(greetings(), 1);
  EXPECT_EQ(greetings(), 0);
  pass(kMemorized - Duration{1});
  EXPECT_EQ(greetings(), 0);
  pass(Duration{1});
  EXPECT_EQ(greetings(), 1);
  answer_greetings(bob);
  ASSERT_TRUE(node->is_reachable(now.time, bobs()));
  pass(kMemorized);
  EXPECT_EQ(greetings(), 0);  // there is a path now
}

TEST_F(SettingsTest, a_hint_that_may_be_no_path_is_not_tried) {
  Settings settings;
  settings.peers[bobs()].hints = {at("127.0.0.1/9993")};
  apply(settings);
  node->send(now, bobs(), Verb::Frame, as_bytes("x"), {}, {}, out);
  for (const auto& d : out.datagrams()) EXPECT_EQ(d.remote, root.place);
}

TEST_F(SettingsTest, low_bandwidth_probes_less_and_pushes_less) {
  make_bob_a_friend();
  Settings settings;
  settings.low_bandwidth = true;
  apply(settings);
  node->set_sockets(now, {{1, {at("9.5.0.1/9993")}}}, out);
  receive(bob, bob.packet(Verb::Frame, as_bytes("x")));
  ASSERT_THAT(pushed_to(bob), Not(IsEmpty()));
  const Time began = now.time;
  out.clear();
  while (sent_to(bob).empty()) {  // the next probe
    now.time = std::max(node->next_deadline(), now.time);
    node->on_deadline(now, out);
  }
  EXPECT_GE(now.time - began, kSlowPingCheck - Duration{1000});
  EXPECT_LE(now.time - began, 2 * kSlowPingCheck);
  // Two minutes later an ordinary node would push again.
  const auto pushes_after = [&](Duration time) {
    now.time = began + time;
    out.clear();
    upper.verdict = Verdict::Trusted;
    receive(bob, bob.packet(Verb::Frame, as_bytes("x")));
    return pushed_to(bob).size();
  };
  EXPECT_EQ(pushes_after(kPushDirect), 0U);
  EXPECT_EQ(pushes_after(kPushDirect * kSlowPush - Duration{1}), 0U);
  EXPECT_EQ(pushes_after(kPushDirect * kSlowPush), 1U);
}

}  // namespace
}  // namespace ztshim::vl1
