// Vl1 through its public face: what single packets do to a node, and what it costs.
#include "service/vl1/vl1.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/log.h"
#include "service/vl1/constants.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/ok.h"
#include "service/wire/messages/rendezvous.h"
#include "service/wire/messages/whois.h"
#include "tests/unit/vl1/allocation_count.h"
#include "tests/unit/vl1/vl1_fixture.h"

namespace ztshim::vl1 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(Vl1Test, an_echo_is_answered_once_per_path_and_166_ms) {
  meet_bob();
  const auto answers = [&] {
    out.clear();
    receive(bob, bob.packet(Verb::Echo, as_bytes("x")));
    return opened_by(bob).size();
  };
  EXPECT_EQ(answers(), 1U);
  pass(kEchoGate - Duration{1});
  const Time before = last_heard(bob);
  EXPECT_EQ(answers(), 0U);
  EXPECT_EQ(last_heard(bob), before);  // ignored altogether
  pass(Duration{1});
  EXPECT_EQ(answers(), 1U);
  EXPECT_EQ(node->counters().rate_limited, 1U);
}

TEST_F(Vl1Test, a_leaf_answers_whois_once_per_peer_and_100_ms) {
  meet_bob();
  Bytes question;
  Writer writer(question);
  Whois{{own.address()}}.write(writer);
  receive(bob, bob.packet(Verb::Whois, question));
  receive(bob, bob.packet(Verb::Whois, question));
  EXPECT_EQ(opened_by(bob).size(), 1U);
  pass(kWhoisGate);
  receive(bob, bob.packet(Verb::Whois, question));
  const auto answers = opened_by(bob);
  ASSERT_EQ(answers.size(), 2U);
  const auto ok = OkHeader::parse(ByteView(answers[1]).subspan(1));
  ASSERT_TRUE(ok);
  const auto known = OkWhois::parse(ok->body);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->identities.at(0), own);
}

TEST_F(Vl1Test, an_unknown_verb_is_heard_and_that_is_all) {
  meet_bob();
  pass(Duration{1000});
  receive(bob, bob.packet(static_cast<Verb>(0x1e), as_bytes("?")));
  EXPECT_EQ(last_heard(bob), now.time);
  EXPECT_EQ(node->counters().unknown_verb, 1U);
  EXPECT_THAT(datagrams(), IsEmpty());
  EXPECT_THAT(upper.seen, IsEmpty());
}

TEST_F(Vl1Test, multipath_verbs_are_not_even_heard) {
  meet_bob();
  const Time before = last_heard(bob);
  pass(Duration{1000});
  receive(bob, bob.packet(Verb::QosMeasurement, Bytes(10), Suite::Poly1305None));
  EXPECT_EQ(last_heard(bob), before);
}

TEST_F(Vl1Test, packets_of_networks_go_up_with_what_they_answer) {
  meet_bob();
  receive(bob, bob.packet(Verb::Frame, as_bytes("frame")));
  ASSERT_EQ(upper.seen.size(), 1U);
  EXPECT_EQ(upper.seen[0].verb, Verb::Frame);
  EXPECT_EQ(as_text(upper.seen[0].payload), "frame");

  const auto id = node->send(now, bob.identity.address(), Verb::NetworkConfigRequest,
                             as_bytes("request"), {}, {}, out);
  ASSERT_TRUE(id);
  receive(bob, bob.ok(Verb::NetworkConfigRequest, *id, as_bytes("config")));
  ASSERT_EQ(upper.seen.size(), 2U);
  EXPECT_EQ(upper.seen[1].verb, Verb::Ok);
  EXPECT_EQ(upper.seen[1].in_re_verb, Verb::NetworkConfigRequest);
  EXPECT_EQ(upper.seen[1].in_re_id, *id);
  EXPECT_EQ(as_text(upper.seen[1].payload), "config");
}

TEST_F(Vl1Test, the_answer_to_a_pushed_config_calls_it_echo) {
  meet_bob();
  const auto id =
      node->send(now, bob.identity.address(), Verb::NetworkConfig, as_bytes("c"), {}, {}, out);
  ASSERT_TRUE(id);
  receive(bob, bob.ok(Verb::Echo, *id));
  ASSERT_EQ(upper.seen.size(), 1U);
  EXPECT_EQ(upper.seen[0].in_re_verb, Verb::NetworkConfig);
}

TEST_F(Vl1Test, an_answer_nobody_waits_for_changes_nothing) {
  meet_bob();
  const Time before = last_heard(bob);
  pass(Duration{10});
  const auto id = node->send(now, bob.identity.address(), Verb::MulticastGather, {}, {}, {}, out);
  receive(bob, bob.ok(Verb::MulticastGather, PacketId(id->number() + 1)));
  receive(bob, bob.ok(Verb::Hello, *id));              // of another verb
  receive(root, root.ok(Verb::MulticastGather, *id));  // of another peer
  EXPECT_THAT(upper.seen, IsEmpty());
  EXPECT_EQ(last_heard(bob), before);
  EXPECT_EQ(node->counters().unexpected_ok, 3U);
}

TEST_F(Vl1Test, only_a_root_can_tell_that_our_address_is_taken) {
  meet_bob();
  Bytes payload;
  Writer writer(payload);
  ErrorHeader{Verb::Hello, PacketId(1), ErrorCode::IdentityCollision, {}}.write(writer);
  receive(bob, bob.packet(Verb::Error, payload));
  EXPECT_THAT(out.events(), IsEmpty());
  configure_log("off");  // it is said as loudly as can be
  receive(root, root.packet(Verb::Error, payload));
  configure_log("warn");
  ASSERT_EQ(out.events().size(), 1U);
  EXPECT_TRUE(std::holds_alternative<IdentityCollision>(out.events()[0]));
}

TEST_F(Vl1Test, errors_about_frames_go_up) {
  meet_bob();
  Bytes payload;
  Writer writer(payload);
  ErrorHeader{Verb::Frame, PacketId(5), ErrorCode::NeedMembershipCertificate, {}}.write(writer);
  writer.be(std::uint64_t{0x1122334455667788});
  receive(bob, bob.packet(Verb::Error, payload));
  ASSERT_EQ(upper.seen.size(), 1U);
  EXPECT_EQ(upper.seen[0].verb, Verb::Error);
  EXPECT_EQ(upper.seen[0].in_re_verb, Verb::Frame);
  EXPECT_EQ(upper.seen[0].payload.size(), 8U);
}

TEST_F(Vl1Test, no_path_leads_to_forbidden_places) {
  for (const char* place : {"127.0.0.1/9993", "169.254.1.1/9993", "9.0.0.1/0", "[fe80::1]:9993"}) {
    const auto endpoint = Endpoint::parse(place);
    ASSERT_TRUE(endpoint) << place;
    Bytes payload;
    Writer writer(payload);
    Rendezvous{bob.identity.address(), *endpoint}.write(writer);
    receive(root, root.packet(Verb::Rendezvous, payload));
    EXPECT_THAT(datagrams(), IsEmpty()) << place;
    bob.place = *endpoint;
    receive(bob, bob.packet(Verb::Nop, {}));
    EXPECT_THAT(datagrams(), IsEmpty()) << place;
  }
}

TEST_F(Vl1Test, made_up_senders_make_us_ask_the_root_only_so_often) {
  std::size_t asked = 0;
  for (std::size_t i = 0; i < 5000; ++i) {
    Bytes bytes = bob.packet(Verb::Nop, {});
    random.fill(MutableBytes(bytes).subspan(13, 5));  // the source
    if (bytes[13] == 0xff) continue;
    receive(bob, bytes);
    asked += opened_by(root).size();
    out.clear();
  }
  EXPECT_EQ(asked, kLookupsForStrangers);
  // And an honest peer is heard all the same.
  receive(bob, bob.packet(Verb::Frame, as_bytes("frame")));
  EXPECT_EQ(upper.seen.size(), 1U);
}

TEST_F(Vl1Test, packets_of_an_unknown_sender_are_opened_when_the_root_has_told_who_it_is) {
  Correspondent carol{13, own};
  receive(carol, carol.packet(Verb::Frame, as_bytes("one")));
  receive(carol, carol.packet(Verb::Frame, as_bytes("two"), Suite::Poly1305Salsa2012));
  EXPECT_THAT(upper.seen, IsEmpty());
  const auto asked = datagrams();
  ASSERT_EQ(asked.size(), 1U);
  const auto header = PacketHeader::read(asked[0]);
  Bytes identity;
  Writer writer(identity);
  carol.identity.write(writer);
  receive(root, root.ok(Verb::Whois, header->id, identity));
  ASSERT_EQ(upper.seen.size(), 2U);
  EXPECT_EQ(as_text(upper.seen[0].payload), "one");
  EXPECT_EQ(as_text(upper.seen[1].payload), "two");
}

TEST_F(Vl1Test, an_identity_that_does_not_validate_is_not_taken_even_from_a_root) {
  const Identity wrong = sim::identity(sim::valid_identities() + 3);
  node->request_identity(now, wrong.address(), out);
  const auto header = PacketHeader::read(datagrams().at(0));
  Bytes identity;
  Writer writer(identity);
  wrong.write(writer);
  receive(root, root.ok(Verb::Whois, header->id, identity));
  EXPECT_EQ(node->identity_of(wrong.address()), nullptr);
  EXPECT_EQ(node->counters().invalid_identity, 1U);
}

TEST_F(Vl1Test, what_is_too_large_is_not_sent) {
  meet_bob();
  const Bytes large(kMaxSendablePacketSize - kPacketHeaderSize + 1);
  EXPECT_FALSE(node->send(now, bob.identity.address(), Verb::Frame, large, {}, {}, out));
  EXPECT_THAT(datagrams(), IsEmpty());
  EXPECT_TRUE(node->send(now, bob.identity.address(), Verb::Frame, ByteView(large).first(1000),
                         ByteView(large).first(large.size() - 1001), {}, out));
  EXPECT_EQ(out.datagrams().size(), kMaxDatagrams);
}

TEST_F(Vl1Test, a_full_frame_leaves_in_datagrams_of_one_size_one_after_the_other) {
  meet_bob();
  const Bytes frame(2838 - kPacketHeaderSize);
  node->send(now, bob.identity.address(), Verb::Frame, frame, {}, {}, out);
  ASSERT_EQ(out.datagrams().size(), 2U);
  EXPECT_EQ(out.datagrams()[0].size, 1427U);
  EXPECT_EQ(out.datagrams()[1].size, 1427U);
  EXPECT_EQ(out.datagrams()[1].offset, out.datagrams()[0].offset + 1427U);
}

TEST_F(Vl1Test, compression_is_tried_when_asked_for) {
  meet_bob();
  const Bytes monotonous(1000, 'a');
  node->send(now, bob.identity.address(), Verb::Frame, monotonous, {}, {}, out);
  node->send(now, bob.identity.address(), Verb::Frame, monotonous, {}, {.compress = true}, out);
  EXPECT_EQ(out.datagrams()[0].size, 1000 + kPacketHeaderSize);
  EXPECT_LT(out.datagrams()[1].size, 100U);
}

TEST_F(Vl1Test, sending_allocates_nothing_once_everything_has_grown) {
  meet_bob();
  const Bytes payload(2800);
  const auto send_some = [&] {
    out.clear();
    for (int i = 0; i < 20; ++i) {
      node->send(now, bob.identity.address(), Verb::Frame, payload, {}, {}, out);
    }
  };
  send_some();
  const std::size_t before = allocation_count();
  send_some();
  EXPECT_EQ(allocation_count() - before, 0U);
}

TEST_F(Vl1Test, receiving_allocates_nothing_in_vl1_once_everything_has_grown) {
  meet_bob();
  upper.seen.reserve(100);
  std::vector<Bytes> packets;
  for (int i = 0; i < 40; ++i) packets.push_back(bob.packet(Verb::Nop, Bytes(1000)));
  const auto receive_some = [&](std::size_t first) {
    out.clear();
    for (std::size_t i = first; i < first + 20; ++i) {
      node->on_datagram(now, Arrival{1, bob.place}, packets[i], out);
    }
  };
  receive_some(0);
  const std::size_t before = allocation_count();
  receive_some(20);
  EXPECT_EQ(allocation_count() - before, 0U);
}

TEST_F(Vl1Test, a_deadline_that_comes_late_or_twice_does_no_harm) {
  meet_bob();
  receive(bob, bob.packet(Verb::Frame, as_bytes("active now")));
  out.clear();
  pass(Duration{10'000});
  node->on_deadline(now, out);  // early
  EXPECT_THAT(datagrams(), IsEmpty());
  pass(Duration{60'000});
  node->on_deadline(now, out);
  EXPECT_FALSE(datagrams().empty());
  out.clear();
  node->on_deadline(now, out);
  EXPECT_THAT(datagrams(), IsEmpty());
  EXPECT_GT(node->next_deadline(), now.time);
}

TEST_F(Vl1Test, replies_go_back_where_the_request_came_from) {
  meet_bob();
  class Replying final : public UpperLayer {
   public:
    Verdict on_packet(Now when, const Incoming& packet, Outbox& to) override {
      vl1->reply_ok(when, packet, packet.verb, as_bytes("yes"), {}, to);
      vl1->reply_error(when, packet, ErrorCode::UnsupportedOperation, as_bytes("no"), to);
      return Verdict::Done;
    }
    void on_identity_known(Now, Address, Outbox&) override {}
    bool is_virtual(const IpAddress&) const override { return false; }
    Vl1* vl1 = nullptr;
  } replying;
  Config config;
  config.identity = own;
  config.cached_peers = {CachedPeer{bob.identity, 12, {1, 14, 1}, {}}.bytes()};
  Vl1 other(std::move(config), random, replying);
  replying.vl1 = &other;
  other.start(now, out);
  out.clear();
  const Endpoint elsewhere{IpAddress::v4(0x09636363), 7};
  Bytes request = bob.packet(Verb::ExtFrame, as_bytes("?"));
  const PacketId id = packet_id_of(request);
  other.on_datagram(now, Arrival{4, elsewhere}, request, out);
  ASSERT_GE(out.datagrams().size(), 2U);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(out.datagrams()[static_cast<std::size_t>(i)].socket, 4U);
    EXPECT_EQ(out.datagrams()[static_cast<std::size_t>(i)].remote, elsewhere);
  }
  const auto answers = opened_by(bob);
  const auto ok = OkHeader::parse(ByteView(answers.at(0)).subspan(1));
  EXPECT_EQ(ok->in_re, id);
  EXPECT_EQ(as_text(ok->body), "yes");
  const auto error = ErrorHeader::parse(ByteView(answers.at(1)).subspan(1));
  EXPECT_EQ(error->in_re, id);
  EXPECT_EQ(error->code, ErrorCode::UnsupportedOperation);
}

TEST_F(Vl1Test, a_leaf_relays_only_for_those_it_shares_a_network_with) {
  meet_bob();
  Correspondent carol{13, own};
  const Bytes for_another = [&] {
    Bytes bytes = bob.packet(Verb::Nop, Bytes(20));
    Bytes destination;
    Writer writer(destination);
    root.identity.address().write(writer);
    std::copy(destination.begin(), destination.end(), bytes.begin() + 8);
    return bytes;
  }();
  receive(bob, for_another);
  EXPECT_THAT(datagrams(), IsEmpty());
  EXPECT_EQ(node->counters().not_relayed, 1U);
  upper.verdict = Verdict::Trusted;
  receive(bob, bob.packet(Verb::Frame, as_bytes("as a member")));
  out.clear();
  receive(bob, for_another);
  ASSERT_FALSE(out.datagrams().empty());
  EXPECT_EQ(out.datagrams()[0].remote, root.place);
  EXPECT_EQ(PacketHeader::read(datagrams()[0])->hops(), 1U);
}

TEST_F(Vl1Test, senseless_packets_of_authentic_peers_do_no_harm) {
  configure_log("off");
  meet_bob();
  const Suite suites[] = {Suite::Poly1305None, Suite::Poly1305Salsa2012, Suite::AesGmacSiv};
  for (int i = 0; i < 20'000; ++i) {
    Correspondent& who = i % 2 == 0 ? bob : root;
    Bytes payload(random.below(i % 10 == 0 ? 1400 : 60));
    random.fill(payload);
    // Every other OK and ERROR is about something that was sent.
    const auto verb = static_cast<Verb>(random.below(32));
    if (i % 4 == 0 && payload.size() >= 9) {
      const Verb sent = i % 8 == 0 ? Verb::Echo : Verb::MulticastGather;
      const auto id = node->send(now, who.identity.address(), sent, {}, {}, {}, out);
      Bytes quoted;
      Writer writer(quoted);
      OkHeader{sent, *id, {}}.write(writer);
      std::copy(quoted.begin(), quoted.end(), payload.begin());
    }
    Bytes packet = who.packet(verb, payload, suites[random.below(3)]);
    receive(who, packet);
    if (i % 50 == 0) pass(Duration{static_cast<std::int64_t>(random.below(3000))});
    node->on_deadline(now, out);
    out.clear();
    upper.seen.clear();
  }
  configure_log("warn");
  // Still the node it was.
  answer_greetings(root);
  receive(bob, bob.packet(Verb::Frame, as_bytes("frame")));
  ASSERT_EQ(upper.seen.size(), 1U);
  EXPECT_EQ(as_text(upper.seen[0].payload), "frame");
  EXPECT_GT(node->counters().malformed, 100U);
  EXPECT_LE(node->peers(now.time).size(), 3U);
}

TEST_F(Vl1Test, old_roots_get_no_fragments) {
  Config config;
  config.identity = own;
  config.planet = sim::planet_of({{root.identity, {root.place}}});
  config.cached_peers = {CachedPeer{root.identity, 11, {0, 0, 0}, {}}.bytes()};
  node.emplace(std::move(config), random, upper);
  out.clear();
  node->start(now, out);
  for (const Bytes& hello : datagrams()) {
    OkHello ok;
    ok.protocol = 11;
    Bytes payload;
    Writer writer(payload);
    OkHeader{Verb::Hello, packet_id_of(hello), {}}.write(writer);
    ok.write(writer);
    receive(root, root.packet(Verb::Ok, payload));
  }
  out.clear();
  const Bytes payload(3000);
  const Address to = root.identity.address();
  EXPECT_TRUE(node->send(now, to, Verb::Frame, ByteView(payload).first(1460), {}, {}, out));
  EXPECT_EQ(out.datagrams().size(), 1U);
  EXPECT_FALSE(node->send(now, to, Verb::Frame, payload, {}, {}, out));
  EXPECT_EQ(out.datagrams().size(), 1U);
}

}  // namespace
}  // namespace ztshim::vl1
