// Addresses that change under a node: its own, its box's, those of its interfaces. Notes:
// vl1-behaviour 5.3, 8, 12, 13.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/census.h"
#include "tests/sim/conversation.h"

namespace ztshim::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = Nat::Kind;

// Alice at home, Bob elsewhere, with a direct path between them.
class Roaming : public ::testing::Test {
 protected:
  Roaming() {
    conversation.talk_until_direct(seconds(5));
    conversation.talk(20, milliseconds(250));
    EXPECT_EQ(conversation.lost(), 0U) << world.net.trace_text();
  }
  void expect_direct_again(Duration limit) {
    const Time begin = world.net.now().time;
    const auto settled = [&] {
      return conversation.is_direct() && alice.preferred_path(bob) && bob.preferred_path(alice) &&
             bob.preferred_path(alice)->last_receive > begin;
    };
    while (!settled() && world.net.now().time - begin < limit) conversation.talk(1, seconds(1));
    EXPECT_TRUE(settled()) << world.net.trace_text();
    const auto relayed = world.root().vl1().counters().relayed;
    conversation.talk(20, seconds(1));
    EXPECT_EQ(world.root().vl1().counters().relayed, relayed) << world.net.trace_text();
  }

  SimWorld world{701};
  Nat& home = world.add_box(Kind::PortRestricted);
  SimNode& alice = world.add_behind("alice", home);
  SimNode& bob = world.add_behind("bob", world.add_box(Kind::PortRestricted));
  Conversation conversation{world.net, alice, bob};
};

TEST_F(Roaming, into_another_network_takes_a_second_when_the_host_tells) {
  Nat& cafe = world.add_box(Kind::PortRestricted);
  world.net.put_behind(alice.host(), &cafe);
  alice.move({{IpAddress::v4(0xc0a80117), 9993}});  // 192.168.1.23
  const auto heard = conversation.talk_until_heard(seconds(30));
  ASSERT_TRUE(heard) << world.net.trace_text();
  // Greeting the root (40 ms there and back), then through it, on a grid of 250 ms. What Bob sends
  // to the old place until he hears from Alice is lost.
  EXPECT_LE(*heard, milliseconds(1000)) << world.net.trace_text();
  EXPECT_LE(conversation.lost(), 4U) << world.net.trace_text();
  expect_direct_again(seconds(10));
}

TEST_F(Roaming, from_behind_a_box_to_the_open_internet_and_back) {
  world.net.put_behind(alice.host(), nullptr);
  alice.move({address_of(80)});
  ASSERT_TRUE(conversation.talk_until_heard(seconds(1))) << world.net.trace_text();
  expect_direct_again(seconds(10));
  // Bob has a path to the box still, behind the one to the open address, which is as good as alive.
  // He asks there when Alice speaks from elsewhere (0.5 s), and gives it up without an answer (1.6
  // s).
  world.net.put_behind(alice.host(), &home);
  alice.move({{IpAddress::v4(0x0a000001), 9993}});
  ASSERT_TRUE(conversation.talk_until_heard(seconds(3))) << world.net.trace_text();
  expect_direct_again(seconds(10));
}

TEST_F(Roaming, a_new_address_of_the_box_is_noticed_by_the_silence) {
  world.net.renumber(home, address_of(190).ip);
  const auto heard = conversation.talk_until_heard(seconds(60));
  ASSERT_TRUE(heard) << world.net.trace_text();
  // Nobody tells Alice. 5 s of silence while she sends make her ask; 1.6 s without an answer make
  // her go through the root (path_watch), which sees her at her new address.
  EXPECT_LE(*heard, seconds(8)) << world.net.trace_text();
  expect_direct_again(seconds(30));
}

// What keeps mappings open finds out as well: nothing is sent where nobody answered.
TEST_F(Roaming, a_new_address_of_the_box_while_nobody_speaks_costs_nothing_later) {
  world.net.renumber(home, address_of(190).ip);
  world.net.run_for(seconds(60));  // a round of greetings and ECHOs
  const auto heard = conversation.talk_until_heard(seconds(60));
  ASSERT_TRUE(heard) << world.net.trace_text();
  EXPECT_LE(*heard, milliseconds(250)) << world.net.trace_text();
}

TEST_F(Roaming, a_box_that_restarts_is_survived_within_seconds) {
  home.forget();
  const auto heard = conversation.talk_until_heard(seconds(60));
  ASSERT_TRUE(heard) << world.net.trace_text();
  EXPECT_LE(*heard, seconds(8)) << world.net.trace_text();
  expect_direct_again(seconds(30));
}

TEST_F(Roaming, both_sides_at_once) {
  Nat& cafe = world.add_box(Kind::PortRestricted);
  Nat& train = world.add_box(Kind::PortRestricted);
  world.net.put_behind(alice.host(), &cafe);
  world.net.put_behind(bob.host(), &train);
  alice.move({{IpAddress::v4(0xc0a80117), 9993}});
  bob.move({{IpAddress::v4(0xac100203), 9993}});  // 172.16.2.3
  const auto heard = conversation.talk_until_heard(seconds(60));
  ASSERT_TRUE(heard) << world.net.trace_text();
  EXPECT_LE(*heard, seconds(1)) << world.net.trace_text();
  expect_direct_again(seconds(30));
}

TEST_F(Roaming, no_network_at_all_for_a_while) {
  world.net.put_behind(alice.host(), nullptr);
  alice.move({});
  conversation.talk(600, seconds(1));
  world.net.put_behind(alice.host(), &home);
  alice.move({{IpAddress::v4(0x0a000001), 9993}});
  const auto heard = conversation.talk_until_heard(seconds(60));
  ASSERT_TRUE(heard) << world.net.trace_text();
  EXPECT_LE(*heard, seconds(1)) << world.net.trace_text();
  expect_direct_again(seconds(31));
}

// ---- several interfaces

class TwoInterfaces : public ::testing::Test {
 protected:
  TwoInterfaces() {
    alice.host().links[cable] = {milliseconds(2)};
    alice.host().links[radio] = {milliseconds(40)};
    alice.start();
    world.net.run_for(seconds(1));
    conversation.talk_until_direct(seconds(5));
    conversation.talk(130, seconds(1));  // two rounds of greetings: latencies are known
  }
  Endpoint at_bob() const { return bob.preferred_path(alice)->remote; }

  static SimNode::Settings settings() {
    SimNode::Settings both;
    both.sockets = {address_of(81), address_of(82)};
    return both;
  }
  SimWorld world{702};
  const Endpoint cable = address_of(81), radio = address_of(82);
  SimNode& alice = world.add_node("alice", settings());
  SimNode& bob = world.add_joined("bob");
  Conversation conversation{world.net, alice, bob};
};

TEST_F(TwoInterfaces, the_faster_one_carries_the_traffic) {
  EXPECT_EQ(bob.paths(alice).size(), 2U) << world.net.trace_text();
  EXPECT_EQ(at_bob(), cable) << world.net.trace_text();
  const std::size_t before = conversation.lost();
  EXPECT_EQ(before, 0U);
  Census census(world.net);
  conversation.talk(40, seconds(1));
  EXPECT_EQ(conversation.lost(), before) << world.net.trace_text();
}

TEST_F(TwoInterfaces, one_that_vanishes_is_replaced_and_one_that_comes_is_used) {
  alice.move({radio});
  const auto heard = conversation.talk_until_heard(seconds(30));
  ASSERT_TRUE(heard) << world.net.trace_text();
  EXPECT_LE(*heard, seconds(8)) << world.net.trace_text();
  EXPECT_EQ(at_bob(), radio) << world.net.trace_text();
  alice.move({cable, radio});
  conversation.talk(130, seconds(1));
  EXPECT_EQ(at_bob(), cable) << world.net.trace_text();
}

TEST_F(TwoInterfaces, one_that_goes_dead_without_a_word_is_left_for_the_other) {
  alice.host().links[cable].loss = 1;
  const auto heard = conversation.talk_until_heard(seconds(60));
  ASSERT_TRUE(heard) << world.net.trace_text();
  EXPECT_LE(*heard, seconds(8)) << world.net.trace_text();
}

TEST(PathChoice, a_private_address_is_worth_four_times_the_latency_of_a_global_one) {
  // 5.3: latency x (8 - scope): private is 7, global 4.
  for (const auto& [lan_ms, expect_private] : {std::pair(30, true), std::pair(50, false)}) {
    SimWorld world(703);
    const Endpoint inner_a{IpAddress::v4(0x0a010001), 9993};
    const Endpoint inner_b{IpAddress::v4(0x0a010002), 9993};
    SimNode::Settings settings;
    settings.sockets = {inner_a, address_of(83)};
    SimNode& alice = world.add_node("alice", settings);
    settings.sockets = {inner_b, address_of(84)};
    SimNode& bob = world.add_node("bob", settings);
    // A slow leased line beside a fast internet of 10 ms from end to end.
    alice.host().link = bob.host().link = {milliseconds(5)};
    alice.host().links[inner_a] = bob.host().links[inner_b] = {milliseconds(lan_ms / 2)};
    alice.start();
    bob.start();
    // No way leads from one network into the other, but everybody's root is everywhere.
    world.net.set_filter([&](const Endpoint& from, const Endpoint& to, ByteView) {
      const auto is_inner = [](const Endpoint& e) { return e.ip.v4_number() >> 16 == 0x0a01; };
      return is_inner(from) == is_inner(to) || from == world.root().endpoint() ||
             to == world.root().endpoint();
    });
    world.net.run_for(seconds(8));
    Conversation conversation(world.net, alice, bob);
    ASSERT_TRUE(conversation.talk_until_direct(seconds(10))) << world.net.trace_text();
    conversation.talk(250, seconds(1));
    const auto path = alice.preferred_path(bob);
    ASSERT_TRUE(path);
    EXPECT_EQ(path->remote == inner_b, expect_private) << lan_ms << world.net.trace_text();
  }
}

TEST(PathChoice, families_are_equal_and_the_faster_one_wins) {
  for (const bool v6_is_faster : {true, false}) {
    SimWorld world(704, 1, SimWorld::Families::Both);
    SimNode::Settings settings;
    settings.sockets = {address_of(85), address6_of(85)};
    SimNode& alice = world.add_node("alice", settings);
    settings.sockets = {address_of(86), address6_of(86)};
    SimNode& bob = world.add_node("bob", settings);
    const std::size_t slow = v6_is_faster ? 0 : 1;
    alice.host().links[alice.endpoint(slow)] = {milliseconds(60)};
    alice.start();
    bob.start();
    world.net.run_for(seconds(1));
    Conversation conversation(world.net, alice, bob);
    ASSERT_TRUE(conversation.talk_until_direct(seconds(10))) << world.net.trace_text();
    conversation.talk(250, seconds(1));
    EXPECT_EQ(bob.preferred_path(alice)->remote.ip.is_v6(), v6_is_faster) << world.net.trace_text();
    EXPECT_EQ(conversation.lost(), 0U) << world.net.trace_text();
  }
}

// ---- clocks

TEST_F(Roaming, a_wall_clock_that_is_set_changes_nothing) {
  for (const Duration by : {Duration(hours(24)), Duration(-hours(72)), Duration(hours(24 * 400))}) {
    const std::size_t lost = conversation.lost();
    const int latency = alice.vl1().latency_ms(bob.address());
    world.net.set_wall_clock(alice.host(), by);
    const auto relayed = world.root().vl1().counters().relayed;
    Census census(world.net);
    conversation.talk(300, seconds(1));
    EXPECT_EQ(world.root().vl1().counters().relayed, relayed) << world.net.trace_text();
    EXPECT_EQ(conversation.lost(), lost) << world.net.trace_text();
    EXPECT_TRUE(alice.vl1().is_online(alice.now().time));
    EXPECT_EQ(alice.vl1().latency_ms(bob.address()), latency);
    // HELLOs a minute apart. ECHOs are for idle paths, and for addresses pushed every 120 s.
    EXPECT_LE(census.packets(alice, bob, "HELLO"), 6U) << census.text(world.net);
    EXPECT_LE(census.packets(alice, bob, "ECHO"), 3U) << census.text(world.net);
  }
}

class Sleep : public Roaming,
              public ::testing::WithParamInterface<std::tuple<SimNetwork::Clock, int>> {};

TEST_P(Sleep, is_over_a_second_after_waking_up) {
  const auto [clock, slept] = GetParam();
  world.net.suspend(alice.host(), seconds(slept), clock);
  for (int i = 0; i < slept; ++i) {
    bob.send(alice, "are you there?");
    world.net.run_for(seconds(1));
  }
  alice.resume();
  const auto heard = conversation.talk_until_heard(seconds(60));
  ASSERT_TRUE(heard) << world.net.trace_text();
  EXPECT_LE(*heard, seconds(1)) << world.net.trace_text();
  expect_direct_again(seconds(31));
}

INSTANTIATE_TEST_SUITE_P(, Sleep,
                         ::testing::Combine(::testing::Values(SimNetwork::Clock::Stops,
                                                              SimNetwork::Clock::RunsOn),
                                            ::testing::Values(15, 100, 300, 3600)),
                         [](const auto& info_of) {
                           return std::string(std::get<0>(info_of.param) == SimNetwork::Clock::Stops
                                                  ? "stopped"
                                                  : "running") +
                                  "_clock_" + std::to_string(std::get<1>(info_of.param)) + "_s";
                         });

}  // namespace
}  // namespace ztshim::sim
