// Packets per hour of nodes that have nothing to say, per kind of peer. Notes: vl1-behaviour 3.1,
// 5.4, 5.6, 19.
#include <gtest/gtest.h>

#include "tests/sim/census.h"
#include "tests/sim/conversation.h"

namespace ztshim::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr unsigned kHour = 3600;

TEST(IdleHour, towards_the_root_that_relays_for_us) {
  SimWorld world(601);
  SimNode& alice = world.add_joined("alice");
  world.net.run_for(minutes(10));
  Census census(world.net);
  const std::uint64_t wake_ups = alice.host().wake_ups();
  world.net.run_for(hours(1));
  // The mapping stays open by an ECHO every 25 s; a HELLO instead every 224 s (ROOT_FULL_PING).
  const std::size_t hellos = census.packets(alice, world.root(), "HELLO");
  const std::size_t echoes = census.packets(alice, world.root(), "ECHO");
  EXPECT_GE(hellos, kHour / 224) << census.text(world.net);
  EXPECT_LE(hellos, kHour / 224 + 1) << census.text(world.net);
  EXPECT_GE(hellos + echoes, kHour / 30) << census.text(world.net);  // 3.1: 14 .. 30 s
  EXPECT_LE(hellos + echoes, kHour / 25 + hellos) << census.text(world.net);
  EXPECT_LE(census.datagrams(alice), kHour / 25 + 2 * hellos) << census.text(world.net);
  // The root answers and asks nothing of its own.
  EXPECT_LE(census.packets(world.root(), alice), hellos + echoes) << census.text(world.net);
  EXPECT_LE(alice.host().wake_ups() - wake_ups, 2 * census.datagrams(alice));
}

TEST(IdleHour, towards_the_other_roots) {
  SimWorld world(602, 4);
  SimNode& alice = world.add_joined("alice");
  world.net.run_for(minutes(10));
  Census census(world.net);
  const std::uint64_t wake_ups = alice.host().wake_ups();
  world.net.run_for(hours(1));
  unsigned relays = 0;
  for (std::size_t n = 0; n < 4; ++n) {
    const std::size_t hellos = census.packets(alice, world.root(n), "HELLO");
    EXPECT_GE(hellos, kHour / 224) << census.text(world.net);
    EXPECT_LE(hellos, kHour / 224 + 1) << census.text(world.net);
    const std::size_t echoes = census.packets(alice, world.root(n), "ECHO");
    relays += echoes > 0 ? 1U : 0U;
    EXPECT_LE(echoes, kHour / 25) << census.text(world.net);
  }
  EXPECT_EQ(relays, 1U) << census.text(world.net);  // one mapping is enough
  // For what it sends, and 1.6 s after each ECHO to see whether it was answered.
  EXPECT_LE(alice.host().wake_ups() - wake_ups, 2 * (kHour / 25) + 4 * (kHour / 224 + 1));
  EXPECT_LE(census.datagrams(alice), 2 * (kHour / 25) + 4 * (kHour / 224 + 1));
}

// What keeps a peer active: a frame now and then, less often than PEER_TIMEOUT (500 s).
void keep_active(SimWorld& world, std::vector<std::pair<SimNode*, SimNode*>> pairs) {
  for (int i = 0; i < 9; ++i) {
    for (const auto& [one, other] : pairs) {
      one->send(*other, "here I am");
      other->send(*one, "so am I");
    }
    world.net.run_for(seconds(400));
  }
}

TEST(IdleHour, towards_an_active_peer) {
  SimWorld world(603);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  Conversation(world.net, alice, bob).talk_until_direct(seconds(5));
  world.net.run_for(minutes(2));
  Census census(world.net);
  keep_active(world, {{&alice, &bob}});
  for (const auto& [from, to] : {std::pair(&alice, &bob), std::pair(&bob, &alice)}) {
    const std::size_t hellos = census.packets(*from, *to, "HELLO");
    const std::size_t echoes = census.packets(*from, *to, "ECHO");
    EXPECT_GE(hellos, 59U) << census.text(world.net);  // FULL_PING, 60 s
    EXPECT_LE(hellos, 61U) << census.text(world.net);
    // In between at most every KEEPALIVE_IDLE (14 s), and not where an answer of ours did it.
    EXPECT_LE(echoes, kHour / 14 - 60) << census.text(world.net);
    // HELLO, its answer, ECHO, its answer, nine frames, and no more than one push per 120 s.
    EXPECT_LE(census.packets(*from, *to), 2 * (kHour / 14) + 9 + kHour / 120)
        << census.text(world.net);
  }
}

// The genuine node sends to each of its active peers, on its grid of 5 s: a HELLO a minute and
// three ECHOs between, and answers as many.
TEST(IdleHour, with_three_active_peers_costs_no_more_than_a_genuine_node) {
  SimWorld world(604);
  SimNode& alice = world.add_joined("alice");
  std::vector<SimNode*> peers;
  std::vector<std::pair<SimNode*, SimNode*>> pairs;
  for (const char* name : {"bob", "carol", "dave"}) {
    peers.push_back(&world.add_joined(name));
    pairs.emplace_back(&alice, peers.back());
    Conversation(world.net, alice, *peers.back()).talk_until_direct(seconds(5));
  }
  world.net.run_for(minutes(2));
  Census census(world.net);
  keep_active(world, pairs);
  const std::size_t genuine_probes = 3 * 60 * (1 + 3);
  const std::size_t genuine_answers = genuine_probes;
  const std::size_t genuine_to_root = kHour / 5;  // the quirk of 3.1: WHOIS at every check
  EXPECT_LE(census.datagrams(alice), genuine_probes + genuine_answers + genuine_to_root)
      << census.text(world.net);
  RecordProperty("datagrams", static_cast<int>(census.datagrams(alice)));
}

TEST(IdleHour, towards_peers_that_fell_silent) {
  SimWorld world(605);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  Conversation(world.net, alice, bob).talk_until_direct(seconds(5));
  world.net.run_for(seconds(500));  // PEER_TIMEOUT: active no more
  Census census(world.net);
  world.net.run_for(hours(1));
  EXPECT_EQ(census.packets(alice, bob), 0U) << census.text(world.net);
  EXPECT_EQ(census.packets(bob, alice), 0U) << census.text(world.net);
  EXPECT_EQ(alice.vl1().identity_of(bob.address()), nullptr);  // and forgotten (5.6)
}

TEST(IdleHour, towards_whom_we_are_always_in_contact_with) {
  SimWorld world(606);
  SimNode& alice = world.add_joined("alice");
  SimNode& anchor = world.add_joined("anchor");
  alice.vl1().set_always_contact({anchor.address()});
  world.net.act(alice.host(), [](Now, Outbox&) {});
  ASSERT_TRUE(
      world.net.run_until([&] { return alice.path_to(anchor) == Via::Direct; }, minutes(1)));
  world.net.run_for(minutes(10));
  Census census(world.net);
  world.net.run_for(hours(1));
  const std::size_t hellos = census.packets(alice, anchor, "HELLO");
  const std::size_t echoes = census.packets(alice, anchor, "ECHO");
  EXPECT_GE(hellos, 59U) << census.text(world.net);
  EXPECT_LE(hellos, 61U) << census.text(world.net);
  EXPECT_LE(hellos + echoes, kHour / 28 + 61) << census.text(world.net);  // LEAF_ALWAYS_PING
  EXPECT_EQ(alice.path_to(anchor), Via::Direct);
}

// Three sockets, as a node with primary, secondary and tertiary port has: HELLOs go out from all.
TEST(IdleHour, with_three_ports_costs_three_times_the_greetings_alone) {
  SimWorld world(607);
  SimNode::Settings settings;
  const IpAddress ip = address_of(70).ip;
  settings.sockets = {{ip, 9993}, {ip, 21'000}, {ip, 22'000}};
  SimNode& alice = world.add_node("alice", settings);
  alice.start();
  world.net.run_for(minutes(10));
  Census census(world.net);
  world.net.run_for(hours(1));
  const std::size_t hellos = census.packets(alice, world.root(), "HELLO");
  EXPECT_LE(hellos, 3 * (kHour / 224 + 1)) << census.text(world.net);
  EXPECT_LE(census.packets(alice, world.root(), "ECHO"), kHour / 25) << census.text(world.net);
  EXPECT_LE(census.datagrams(alice), kHour / 25 + 6 * (kHour / 224 + 1)) << census.text(world.net);
}

TEST(IdleHour, without_any_root_a_greeting_goes_out_every_five_seconds) {
  SimWorld world(608, 1, SimWorld::Families::Both);
  SimNode::Settings settings;
  settings.sockets = {address_of(70), address6_of(70)};
  SimNode& alice = world.add_node("alice", settings);
  world.root().stop();
  alice.start();
  Census census(world.net);
  world.net.run_for(hours(1));
  // One per family and PING_CHECK.
  EXPECT_GE(census.datagrams(alice), 2 * (kHour / 5) - 2) << census.text(world.net);
  EXPECT_LE(census.datagrams(alice), 2 * (kHour / 5)) << census.text(world.net);
}

}  // namespace
}  // namespace ztshim::sim
