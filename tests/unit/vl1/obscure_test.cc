// Things that hardly ever happen: obsolete beacons, old peers, peers that were forgotten,
// redirects, worlds that come while we run.
#include <gmock/gmock.h>

#include "service/wire/messages/error.h"
#include "service/wire/messages/whois.h"
#include "tests/unit/vl1/vl1_fixture.h"

namespace ztshim::vl1 {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ObscureTest : public Vl1Test {
 protected:
  static Bytes beacon_of(Address address) {
    Bytes bytes(8);
    Writer out(bytes);
    address.write(out);
    return bytes;
  }
  static Bytes push_of(const std::vector<PushedPath>& paths) {
    Bytes payload;
    Writer out(payload);
    PushDirectPaths{paths}.write(out);
    return payload;
  }
  Address bobs() const { return bob.identity.address(); }
};

TEST_F(ObscureTest, a_beacon_of_a_known_peer_is_answered_with_nothing_said_at_most_every_2500_ms) {
  receive(bob, beacon_of(bobs()));
  EXPECT_THAT(sent_to(bob), ElementsAre("1>" + bob.place.protocol_text() + " NOP"));
  receive(bob, beacon_of(bobs()));
  pass(kBeaconGate - Duration{1});
  receive(bob, beacon_of(bobs()));
  EXPECT_THAT(sent_to(bob), SizeIs(1));
  pass(Duration{1});
  receive(bob, beacon_of(bobs()));
  EXPECT_THAT(sent_to(bob), SizeIs(2));
}

TEST_F(ObscureTest, a_beacon_of_a_stranger_is_not_answered) {
  receive(bob, beacon_of(sim::identity(20).address()));
  EXPECT_THAT(datagrams(), IsEmpty());
}

TEST_F(ObscureTest, known_places_do_not_use_up_what_is_tried_of_a_push) {
  meet_bob();
  std::vector<PushedPath> pushed(10, PushedPath{0, bob.place});
  for (unsigned n = 0; n < 10; ++n) pushed.push_back({0, {IpAddress::v4(0x09700001 + n), 9993}});
  receive(bob, bob.packet(Verb::PushDirectPaths, push_of(pushed)));
  EXPECT_THAT(sent_to(bob), SizeIs(kPushPerScope));
}

TEST_F(ObscureTest, a_push_is_tried_per_scope_and_family) {
  meet_bob();
  std::vector<PushedPath> pushed;
  for (unsigned n = 0; n < 10; ++n) {
    pushed.push_back({0, {IpAddress::v4(0x09700001 + n), 9993}});
    pushed.push_back({0, {IpAddress::v4(0x0a700001 + n), 9993}});
    pushed.push_back({PushedPath::kForget, {IpAddress::v4(0x0b700001 + n), 9993}});
    pushed.push_back({0, {IpAddress::v4(0x7f000001 + n), 9993}});
  }
  receive(bob, bob.packet(Verb::PushDirectPaths, push_of(pushed)));
  EXPECT_THAT(sent_to(bob), SizeIs(2 * kPushPerScope));
}

TEST_F(ObscureTest, of_a_burst_of_pushes_eight_are_looked_at_and_all_are_heard) {
  meet_bob();
  for (unsigned n = 0; n < 12; ++n) {
    pass(Duration{1000});
    const PushedPath path{0, {IpAddress::v4(0x09700001 + n), 9993}};
    receive(bob, bob.packet(Verb::PushDirectPaths, push_of({path})));
    EXPECT_EQ(last_heard(bob), now.time);
  }
  EXPECT_THAT(sent_to(bob), SizeIs(kPushGateBurst));
  pass(kPushGateGap + Duration{1});
  receive(bob, bob.packet(Verb::PushDirectPaths, push_of({{0, at("9.200.0.1/1")}})));
  EXPECT_THAT(sent_to(bob), SizeIs(kPushGateBurst + 1));
}

// A redirect that took effect without an answer from there would move a peer's traffic to wherever
// he likes, on his word alone.
TEST_F(ObscureTest, a_redirect_is_a_hint_that_has_to_be_proved_like_any_other) {
  meet_bob();
  receive(bob, bob.packet(Verb::PushDirectPaths,
                          push_of({{PushedPath::kClusterRedirect, at("9.200.0.1/1")}})));
  EXPECT_THAT(sent_to(bob), ElementsAre("0>9.200.0.1/1 HELLO"));
  EXPECT_THAT(paths_to(bob), ElementsAre("1>" + bob.place.protocol_text()));
}

TEST_F(ObscureTest, a_forgotten_peer_is_known_again_without_asking_anybody) {
  meet_bob();
  const Time end = now.time + kPeerTimeout + Duration{60'000};
  while (now.time < end) {
    now.time = std::min(end, std::max(now.time + Duration{1}, node->next_deadline()));
    node->on_deadline(now, out);
  }
  ASSERT_EQ(node->identity_of(bobs()), nullptr);
  out.clear();
  receive(bob, bob.packet(Verb::Frame, as_bytes("me again")));
  EXPECT_THAT(sent_to(root), Not(Contains(::testing::HasSubstr("WHOIS"))));
  EXPECT_THAT(sent_to(bob), Contains("1>" + bob.place.protocol_text() + " HELLO"));
  ASSERT_THAT(upper.seen, SizeIs(1));
  EXPECT_EQ(as_text(upper.seen[0].payload), "me again");
}

TEST_F(ObscureTest, a_forgotten_peer_is_looked_for_where_it_was_when_we_want_it) {
  meet_bob();
  const Time end = now.time + kPeerTimeout + Duration{60'000};
  while (now.time < end) {
    now.time = std::min(end, std::max(now.time + Duration{1}, node->next_deadline()));
    node->on_deadline(now, out);
  }
  out.clear();
  node->send(now, bobs(), Verb::Frame, as_bytes("are you there?"), {}, {}, out);
  EXPECT_THAT(sent_to(bob), ElementsAre("0>" + bob.place.protocol_text() + " HELLO"));
}

// Anybody can write a sender's address on a packet.
TEST_F(ObscureTest, a_forged_packet_does_not_make_us_greet_the_places_of_whom_it_names) {
  meet_bob();
  const Time end = now.time + kPeerTimeout + Duration{60'000};
  while (now.time < end) {
    now.time = std::min(end, std::max(now.time + Duration{1}, node->next_deadline()));
    node->on_deadline(now, out);
  }
  ASSERT_EQ(node->identity_of(bobs()), nullptr);
  ASSERT_EQ(node->sizes().archived, 1U);
  out.clear();
  Bytes forged = bob.packet(Verb::Nop, {});
  forged.back() ^= 1;
  receive(root, forged);
  EXPECT_THAT(datagrams(), IsEmpty());
  EXPECT_EQ(node->sizes().archived, 1U);  // and it is not lost
  EXPECT_EQ(node->counters().not_authentic, 1U);
}

TEST_F(ObscureTest, of_many_cached_peers_some_are_greeted_and_all_can_be_spoken_to) {
  Config config;
  config.identity = own;
  config.planet = sim::planet_of({{root.identity, {root.place}}});
  constexpr std::size_t kCached = kGreetedAtStart + 50;
  for (std::size_t n = 100; n < 100 + kCached; ++n) {
    config.cached_peers.push_back(
        CachedPeer{sim::identity(n), 12, {1, 14, 1}, {at("9.88.0.1/9993")}}.bytes());
  }
  config.cached_peers.push_back({2, 0, 1});  // damaged
  config.cached_peers.push_back(CachedPeer{bob.identity, 12, {1, 14, 1}, {bob.place}}.bytes());
  node.emplace(std::move(config), random, upper);
  out.clear();
  node->start(now, out);
  EXPECT_EQ(out.datagrams().size(), kGreetedAtStart + 1);  // and the root
  EXPECT_EQ(node->identity_of(bobs()), nullptr);
  receive(bob, bob.packet(Verb::Frame, as_bytes("frame")));
  EXPECT_THAT(upper.seen, SizeIs(1));
}

TEST_F(ObscureTest, a_cached_record_does_not_take_a_roots_place) {
  const std::string other = root.identity.address().text() + sim::identity(14).text().substr(10);
  const auto twin = Identity::parse(other);
  ASSERT_TRUE(twin);
  Config config;
  config.identity = own;
  config.planet = sim::planet_of({{root.identity, {root.place}}});
  config.cached_peers = {CachedPeer{*twin, 12, {1, 14, 1}, {}}.bytes()};
  node.emplace(std::move(config), random, upper);
  node->start(now, out);
  ASSERT_NE(node->identity_of(root.identity.address()), nullptr);
  EXPECT_EQ(*node->identity_of(root.identity.address()), root.identity);
}

TEST_F(ObscureTest, a_moon_from_a_file_adds_roots_at_once_and_is_kept) {
  const World moon =
      World::make(WorldType::Moon, 0xabc, 5, {{bob.identity, {bob.place}}}, sim::identity(31));
  EXPECT_TRUE(node->orbit(now, moon, out));
  EXPECT_TRUE(node->is_root(bobs()));
  EXPECT_THAT(sent_to(bob), ElementsAre("0>" + bob.place.protocol_text() + " HELLO"));
  ASSERT_THAT(out.stored(), SizeIs(1));
  EXPECT_EQ(out.stored()[0].kind, StoredKind::Moon);
  EXPECT_EQ(out.stored()[0].content, moon.bytes());
  EXPECT_THAT(node->moons(), ElementsAre(moon));
  // An older file does not set it back.
  const World older = World::make(WorldType::Moon, 0xabc, 4, {}, sim::identity(31));
  EXPECT_FALSE(node->orbit(now, older, out));
  EXPECT_TRUE(node->is_root(bobs()));
  out.clear();
  node->deorbit(now, 0xabc, out);
  EXPECT_FALSE(node->is_root(bobs()));
  ASSERT_THAT(out.stored(), SizeIs(1));
  EXPECT_TRUE(out.stored()[0].remove);
  EXPECT_THAT(node->moons(), IsEmpty());
}

TEST_F(ObscureTest, a_wanted_moon_is_asked_for_in_every_greeting_until_it_is_dropped) {
  node->orbit(now, 0xabc, bobs(), out);
  EXPECT_EQ(node->wanted_moons().at(0xabc), bobs());
  ASSERT_THAT(sent_to(bob), Contains(::testing::HasSubstr("HELLO")));
  out.clear();
  node->deorbit(now, 0xabc, out);
  EXPECT_TRUE(node->wanted_moons().empty());
}

TEST_F(ObscureTest, a_seed_nobody_knows_is_asked_for_every_five_seconds) {
  const Address nobody(0x0102030405);
  node->orbit(now, 0xabc, nobody, out);
  const Time end = now.time + Duration{60'000};
  while (now.time < end) {
    now.time = std::min(end, std::max(now.time + Duration{1}, node->next_deadline()));
    node->on_deadline(now, out);
    receive(root, root.packet(Verb::Nop, {}));
  }
  const auto sent = sent_to(root);
  const auto asked =
      std::count(sent.begin(), sent.end(), "1>" + root.place.protocol_text() + " WHOIS");
  EXPECT_GE(asked, 11);
  EXPECT_LE(asked, 13);
}

// The roots of the public planet do not put fragments together.
TEST_F(ObscureTest, a_greeting_stays_one_datagram_however_many_moons_there_are) {
  for (std::uint64_t moon = 1; moon <= 500; ++moon) node->orbit(now, moon, bobs(), out);
  out.clear();
  pass(kRootFullPing);
  node->on_deadline(now, out);
  ASSERT_FALSE(sent_to(root).empty());
  for (const auto& d : out.datagrams()) EXPECT_LE(d.size, kUdpPayload);
}

TEST_F(ObscureTest, a_new_planet_from_a_file_needs_the_key_of_the_old_one) {
  const World& held = *node->planet();
  World next = held;
  next.timestamp += 1;
  next.roots.push_back({bob.identity, {bob.place}});
  next.sign(sim::identity(8));
  EXPECT_FALSE(node->offer_planet(now, next, out));
  EXPECT_THAT(out.stored(), IsEmpty());
  EXPECT_FALSE(node->offer_planet(now, held, out));  // not newer
}

// The key of an established peer is what counts, whoever vouches for another identity.
TEST_F(ObscureTest, no_world_replaces_the_identity_of_a_peer_we_know) {
  // A second identity of bob's address: what validates is not asked for roots of worlds.
  const std::string text = bob.identity.text();
  const std::string other = text.substr(0, 10) + sim::identity(14).text().substr(10);
  const auto twin = Identity::parse(other);
  ASSERT_TRUE(twin);
  ASSERT_EQ(twin->address(), bobs());
  const World moon =
      World::make(WorldType::Moon, 0xabc, 5, {{*twin, {at("9.77.0.1/1")}}}, sim::identity(31));
  EXPECT_TRUE(node->orbit(now, moon, out));
  EXPECT_EQ(*node->identity_of(bobs()), bob.identity);
}

TEST_F(ObscureTest, a_node_that_is_too_old_gets_no_answer_and_is_not_counted_as_heard) {
  meet_bob();
  const Time before = last_heard(bob);
  pass(Duration{1000});
  const auto id = node->send(now, bobs(), Verb::Hello, {}, {}, {}, out);
  ASSERT_TRUE(id);
  OkHello ok;
  ok.protocol = kOldestProtocol - 1;
  Bytes body;
  Writer writer(body);
  ok.write(writer);
  receive(bob, bob.ok(Verb::Hello, *id, body));
  EXPECT_EQ(last_heard(bob), before);
  EXPECT_EQ(node->counters().malformed, 1U);
}

TEST_F(ObscureTest, software_1_1_0_is_greeted_where_others_get_an_echo) {
  Config config;
  config.identity = own;
  config.cached_peers = {CachedPeer{bob.identity, 5, {1, 1, 0}, {}}.bytes(),
                         CachedPeer{root.identity, 5, {1, 1, 1}, {}}.bytes()};
  node.emplace(std::move(config), random, upper);
  node->start(now, out);
  out.clear();
  receive(bob, bob.packet(Verb::PushDirectPaths, push_of({{0, at("9.200.0.1/1")}})));
  receive(root, root.packet(Verb::PushDirectPaths, push_of({{0, at("9.200.0.1/1")}})));
  EXPECT_THAT(sent_to(bob), Contains("0>9.200.0.1/1 HELLO"));
  EXPECT_THAT(sent_to(root), Contains("0>9.200.0.1/1 ECHO"));
}

TEST_F(ObscureTest, user_messages_and_traces_are_heard_and_that_is_all) {
  meet_bob();
  for (const Verb verb : {Verb::UserMessage, Verb::RemoteTrace, Verb::Nop}) {
    pass(Duration{1000});
    receive(bob, bob.packet(verb, Bytes(20)));
    EXPECT_EQ(last_heard(bob), now.time);
  }
  EXPECT_THAT(upper.seen, IsEmpty());
  EXPECT_THAT(datagrams(), IsEmpty());
}

TEST_F(ObscureTest, bits_that_mean_nothing_in_the_verb_byte_are_ignored) {
  meet_bob();
  receive(bob, bob.packet(static_cast<Verb>(0x60 | static_cast<unsigned>(Verb::Frame)),
                          as_bytes("frame")));
  ASSERT_THAT(upper.seen, SizeIs(1));
  EXPECT_EQ(upper.seen[0].verb, Verb::Frame);
}

}  // namespace
}  // namespace ztshim::vl1
