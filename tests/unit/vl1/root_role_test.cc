// A node that the planet names as a root: what it does for others (vl1 6, vl1-behaviour 11).
#include <gmock/gmock.h>

#include <deque>
#include <unordered_map>

#include "common/log.h"
#include "service/wire/fragment.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/rendezvous.h"
#include "service/wire/messages/whois.h"
#include "tests/unit/vl1/vl1_fixture.h"

namespace ztshim::vl1 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::uint64_t kPlanet = 0xabcdef01;
constexpr std::uint64_t kPlanetTimestamp = 2000;
constexpr std::uint64_t kMoon = 0x77;

class RootRoleTest : public Vl1Test {
 protected:
  RootRoleTest() {
    Config config;
    config.identity = own;
    config.planet = planet(false);
    config.moons = {World::make(WorldType::Moon, kMoon, 50, {{own, {}}}, sim::identity(9))};
    node.emplace(std::move(config), random, upper);
    node->start(now, out);
    meet(bob);
    meet(carol);
  }
  World planet(bool with_another_root) const {
    std::vector<WorldRoot> roots{{own, {at("9.5.0.1/9993")}}};
    if (with_another_root) roots.push_back({root.identity, {root.place}});
    return World::make(WorldType::Planet, kPlanet, kPlanetTimestamp, std::move(roots),
                       sim::identity(9));
  }
  void meet(Correspondent& who) {
    pass(kValidateGate);
    out.clear();
    receive(who, who.hello(now.wall_ms, at("9.5.0.1/9993")));
    answer_greetings(who);
    ASSERT_TRUE(node->is_reachable(now.time, who.identity.address()));
    out.clear();
  }
  void add_another_root() {
    Config config;
    config.identity = own;
    config.planet = planet(true);
    node.emplace(std::move(config), random, upper);
    out.clear();
    node->start(now, out);
    answer_greetings(root);
    meet(bob);
    meet(carol);
  }
  // A packet from one to another, by way of us.
  static Bytes between(Correspondent& from, const Correspondent& to, unsigned hops = 0) {
    Bytes bytes = from.packet(Verb::Frame, Bytes(50, 'x'));
    put_destination(bytes, to.identity.address());
    bytes[18] = static_cast<std::uint8_t>(bytes[18] | hops);
    return bytes;
  }
  static void put_destination(Bytes& bytes, Address address) {
    Bytes to;
    Writer writer(to);
    address.write(writer);
    std::copy(to.begin(), to.end(), bytes.begin() + 8);
  }
  // Who was told of whom, and where: "to bob: carol at …".
  std::vector<std::string> introductions() const {
    std::vector<std::string> all;
    for (const Correspondent* who : {&bob, &carol}) {
      for (const Bytes& opened : opened_by(*who)) {
        if ((opened[0] & 0x1f) != static_cast<unsigned>(Verb::Rendezvous)) continue;
        const auto about = Rendezvous::parse(ByteView(opened).subspan(1));
        if (!about) continue;
        all.push_back(who->identity.address().text() + ": " + about->peer.text() + " at " +
                      about->endpoint.protocol_text());
      }
    }
    return all;
  }
  std::vector<World> worlds_for(std::uint64_t planet_id, std::uint64_t planet_timestamp,
                                std::vector<WorldRevision> moons = {}) {
    out.clear();
    receive(bob, bob.hello(now.wall_ms, at("9.5.0.1/9993"), planet_id, planet_timestamp,
                           std::move(moons)));
    for (const Bytes& opened : opened_by(bob)) {
      const auto ok = OkHeader::parse(ByteView(opened).subspan(1));
      if (!ok || ok->in_re_verb != Verb::Hello) continue;
      const auto hello = OkHello::parse(ok->body);
      if (hello) return World::parse_all(hello->worlds);
    }
    ADD_FAILURE() << "no answer to HELLO";
    return {};
  }

  Correspondent carol{13, own};
};

TEST_F(RootRoleTest, knows_that_it_is_one_and_is_always_online) {
  EXPECT_TRUE(node->is_root());
  EXPECT_TRUE(node->is_online(now.time));
  EXPECT_THAT(node->roots(), IsEmpty());
}

TEST_F(RootRoleTest, answers_whois_without_a_gate_for_all_it_knows_at_once) {
  Whois question;
  question.addresses = {carol.identity.address(), Address(0x0102030405), own.address()};
  Bytes payload;
  Writer writer(payload);
  question.write(writer);
  for (int i = 0; i < 5; ++i) receive(bob, bob.packet(Verb::Whois, payload));
  const auto answers = opened_by(bob);
  ASSERT_THAT(answers, SizeIs(5));
  const auto ok = OkHeader::parse(ByteView(answers[4]).subspan(1));
  const auto known = OkWhois::parse(ok->body);
  ASSERT_TRUE(known);
  EXPECT_THAT(known->identities, ElementsAre(carol.identity, own));
}

TEST_F(RootRoleTest, passes_a_question_it_cannot_answer_on_to_another_root_but_not_a_roots) {
  add_another_root();
  Bytes payload;
  Writer writer(payload);
  Whois{{Address(0x0102030405)}}.write(writer);
  receive(root, root.packet(Verb::Whois, payload));
  EXPECT_THAT(datagrams(), IsEmpty());
  receive(bob, bob.packet(Verb::Whois, payload));
  EXPECT_THAT(sent_to(root), ElementsAre("1>" + root.place.protocol_text() + " WHOIS"));
  EXPECT_THAT(sent_to(bob), IsEmpty());
}

TEST_F(RootRoleTest, relays_changing_nothing_but_the_hops) {
  const Bytes packet = between(bob, carol);
  receive(bob, packet);
  ASSERT_FALSE(out.datagrams().empty());
  EXPECT_EQ(out.datagrams()[0].remote, carol.place);
  Bytes relayed = datagrams()[0];
  EXPECT_EQ(relayed[18] & 7, 1);
  relayed[18] = static_cast<std::uint8_t>(relayed[18] & 0xf8);
  EXPECT_EQ(relayed, packet);
  EXPECT_EQ(node->counters().relayed, 1U);
}

TEST_F(RootRoleTest, relays_up_to_three_hops) {
  receive(bob, between(bob, carol, 2));
  EXPECT_EQ(node->counters().relayed, 1U);
  for (unsigned hops = 3; hops < 8; ++hops) receive(bob, between(bob, carol, hops));
  EXPECT_EQ(node->counters().relayed, 1U);
  EXPECT_EQ(node->counters().hop_limit, 5U);
}

TEST_F(RootRoleTest, relays_fragments_one_by_one) {
  Bytes fragment;
  Writer writer(fragment);
  FragmentHeader{PacketId(7), carol.identity.address(), 3, 2, 1}.write(writer);
  fragment.resize(200);
  receive(bob, fragment);
  ASSERT_THAT(datagrams(), SizeIs(1));
  EXPECT_EQ(out.datagrams()[0].remote, carol.place);
  Bytes expected = fragment;
  expected[15] = 2;
  EXPECT_EQ(datagrams()[0], expected);
  fragment[15] = 3;
  receive(bob, fragment);
  EXPECT_EQ(node->counters().hop_limit, 1U);
}

TEST_F(RootRoleTest, introduces_both_ends_once_in_30_seconds) {
  receive(bob, between(bob, carol));
  const std::string to_bob = bob.identity.address().text() + ": " +
                             carol.identity.address().text() + " at " + carol.place.protocol_text();
  const std::string to_carol = carol.identity.address().text() + ": " +
                               bob.identity.address().text() + " at " + bob.place.protocol_text();
  EXPECT_THAT(introductions(), UnorderedElementsAre(to_bob, to_carol));
  out.clear();
  receive(bob, between(bob, carol));
  receive(carol, between(carol, bob));
  EXPECT_THAT(introductions(), IsEmpty());
  pass(kIntroduce - Duration{1});
  receive(carol, between(carol, bob));
  EXPECT_THAT(introductions(), IsEmpty());
  pass(Duration{1});
  receive(carol, between(carol, bob));
  EXPECT_THAT(introductions(), SizeIs(2));
}

TEST_F(RootRoleTest, does_not_introduce_who_cannot_meet) {
  Correspondent dave(14, own);
  dave.place = at("[2a00::7]:9993");
  meet(dave);
  receive(bob, between(bob, dave));
  EXPECT_EQ(node->counters().relayed, 1U);
  EXPECT_THAT(introductions(), IsEmpty());
}

TEST_F(RootRoleTest, relays_for_a_sender_it_does_not_know_without_asking_who_that_is) {
  Correspondent stranger(20, own);
  receive(stranger, between(stranger, carol));
  ASSERT_THAT(datagrams(), SizeIs(1));
  EXPECT_EQ(out.datagrams()[0].remote, carol.place);
  EXPECT_EQ(node->sizes().lookups, 0U);
}

TEST_F(RootRoleTest, drops_what_nobody_it_knows_is_to_get) {
  Bytes packet = bob.packet(Verb::Frame, Bytes(50));
  put_destination(packet, Address(0x0102030405));
  receive(bob, packet);
  EXPECT_THAT(datagrams(), IsEmpty());
  EXPECT_EQ(node->counters().not_relayed, 1U);
  EXPECT_EQ(node->sizes().waiting_out, 0U);
}

TEST_F(RootRoleTest, passes_what_it_cannot_deliver_to_another_root_and_never_back) {
  add_another_root();
  Bytes packet = bob.packet(Verb::Frame, Bytes(50));
  put_destination(packet, Address(0x0102030405));
  receive(bob, packet);
  ASSERT_THAT(datagrams(), SizeIs(1));
  EXPECT_EQ(out.datagrams()[0].remote, root.place);
  out.clear();
  receive(root, packet);
  EXPECT_THAT(datagrams(), IsEmpty());
}

TEST_F(RootRoleTest, sends_newer_worlds_with_its_answer_to_hello) {
  constexpr std::uint8_t kTypeMoon = 127;
  EXPECT_THAT(worlds_for(kPlanet, kPlanetTimestamp), IsEmpty());
  EXPECT_THAT(worlds_for(kPlanet, kPlanetTimestamp + 1), IsEmpty());
  EXPECT_THAT(worlds_for(kPlanet + 1, 0), IsEmpty());  // another universe
  EXPECT_THAT(worlds_for(0, 0), IsEmpty());
  auto worlds = worlds_for(kPlanet, kPlanetTimestamp - 1);
  ASSERT_THAT(worlds, SizeIs(1));
  EXPECT_EQ(worlds[0], planet(false));
  worlds = worlds_for(kPlanet, 0, {{kTypeMoon, kMoon, 0}, {kTypeMoon, kMoon + 1, 0}});
  ASSERT_THAT(worlds, SizeIs(2));
  EXPECT_EQ(worlds[1].id, kMoon);
  EXPECT_THAT(worlds_for(kPlanet, kPlanetTimestamp, {{kTypeMoon, kMoon, 50}}), IsEmpty());
  // Another kind of world under the moon's number is not what it asks for.
  EXPECT_THAT(worlds_for(kPlanet, kPlanetTimestamp, {{1, kMoon, 0}}), IsEmpty());
}

TEST_F(RootRoleTest, a_world_too_large_for_one_datagram_is_left_out) {
  WorldRoot large{own, {}};
  for (std::uint8_t n = 0; n < World::kMaxEndpoints; ++n) {
    Bytes ip(16, n);
    ip[0] = 0x2a;
    large.endpoints.push_back({IpAddress::v6(ip), 9993});
  }
  WorldRoot second{bob.identity, large.endpoints};
  WorldRoot third{carol.identity, large.endpoints};
  const World moon =
      World::make(WorldType::Moon, kMoon, 60, {large, second, third}, sim::identity(9));
  ASSERT_GT(moon.bytes().size(), kMaxWorldsInOk);
  ASSERT_TRUE(node->orbit(now, moon, out));
  EXPECT_THAT(worlds_for(kPlanet, 0, {{127, kMoon, 0}}),
              SizeIs(1));  // the planet goes all the same
  for (const auto& d : out.datagrams()) EXPECT_LE(d.size, kUdpRead);
}

TEST_F(RootRoleTest, a_planet_given_to_it_reaches_its_clients_with_their_next_hello) {
  World next = planet(true);
  next.timestamp = kPlanetTimestamp + 1;
  next.sign(sim::identity(9));
  EXPECT_TRUE(node->offer_planet(now, next, out));
  ASSERT_THAT(out.stored(), SizeIs(1));
  EXPECT_EQ(out.stored()[0].kind, StoredKind::Planet);
  const auto worlds = worlds_for(kPlanet, kPlanetTimestamp);
  ASSERT_THAT(worlds, SizeIs(1));
  EXPECT_EQ(worlds[0], next);
}

TEST_F(RootRoleTest, after_a_restart_it_finds_all_it_knew_within_seconds) {
  constexpr std::size_t kKnown = 1200;
  Config config;
  config.identity = own;
  config.planet = planet(false);
  std::unordered_map<Endpoint, std::size_t> places;
  for (std::size_t n = 0; n < kKnown; ++n) {
    const Endpoint place{IpAddress::v4(0x09640000U + static_cast<std::uint32_t>(n)), 9993};
    places[place] = 100 + n;
    config.cached_peers.push_back(
        CachedPeer{sim::identity(100 + n), 12, {1, 14, 1}, {place}}.bytes());
  }
  out.clear();
  node.emplace(std::move(config), random, upper);
  node->start(now, out);
  const Time end = now.time + Duration{3000};
  // Everybody answers 300 ms later.
  std::deque<std::pair<Time, std::pair<std::size_t, Bytes>>> answers;
  std::size_t most_at_once = 0;
  while (now.time < end) {
    most_at_once = std::max(most_at_once, out.datagrams().size());
    for (const auto& d : out.datagrams()) {
      answers.push_back(
          {now.time + Duration{300}, {places.at(d.remote), to_bytes(out.bytes_of(d))}});
    }
    out.clear();
    const Time next = answers.empty() ? end : answers.front().first;
    now.time = std::min({end, next, std::max(node->next_deadline(), now.time)});
    if (now.time >= node->next_deadline()) node->on_deadline(now, out);
    while (!answers.empty() && answers.front().first <= now.time) {
      const auto [n, hello] = answers.front().second;
      answers.pop_front();
      Correspondent who(n, own);
      who.place = {IpAddress::v4(0x09640000U + static_cast<std::uint32_t>(n - 100)), 9993};
      OkHello ok;
      ok.protocol = 12;
      Bytes body;
      Writer writer(body);
      ok.write(writer);
      receive(who, who.ok(Verb::Hello, packet_id_of(hello), body));
    }
  }
  EXPECT_GE(node->sizes().paths, kKnown - 3);
  EXPECT_LE(most_at_once, kGreetedAtOnce);  // no burst that a socket would drop
}

// The identity that was there first stays, and the other is told so under its own key, with the
// suite that everybody reads.
TEST_F(RootRoleTest, who_claims_a_known_address_is_refused_in_his_own_key) {
  configure_log("off");
  const std::string other =
      bob.identity.address().text() + sim::identity(20).secret_text().substr(10);
  const auto twin = Identity::parse(other);
  ASSERT_TRUE(twin);
  Correspondent claimant(20, own);
  claimant.identity = *twin;
  receive(claimant, claimant.hello(now.wall_ms, at("9.5.0.1/9993")));
  ASSERT_THAT(datagrams(), SizeIs(1));
  EXPECT_EQ(PacketHeader::read(datagrams()[0])->suite(), Suite::Poly1305Salsa2012);
  const auto answers = opened_by(claimant);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0][0], static_cast<unsigned>(Verb::Error));
  const auto error = ErrorHeader::parse(ByteView(answers[0]).subspan(1));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->in_re_verb, Verb::Hello);
  EXPECT_EQ(error->code, ErrorCode::IdentityCollision);
  EXPECT_EQ(*node->identity_of(bob.identity.address()), bob.identity);
  // That costs a key agreement, so it is gated like any stranger's greeting.
  receive(claimant, claimant.hello(now.wall_ms, at("9.5.0.1/9993")));
  EXPECT_THAT(datagrams(), SizeIs(1));
  EXPECT_EQ(node->counters().rate_limited, 1U);
  configure_log("warn");
}

}  // namespace
}  // namespace ztshim::vl1
