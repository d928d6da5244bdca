// Networks that fall apart and come together again, and roots that come and go meanwhile.
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

TEST(RootReturns, and_connected_peers_notice_neither) {
  SimWorld world(801);
  SimNode& alice = world.add_behind("alice", world.add_box(Kind::PortRestricted));
  SimNode& bob = world.add_behind("bob", world.add_box(Kind::PortRestricted));
  Conversation conversation(world.net, alice, bob);
  ASSERT_TRUE(conversation.talk_until_direct(seconds(5)));
  for (int round = 0; round < 3; ++round) {
    world.root().stop();
    conversation.talk(700, seconds(1));  // longer than PEER_TIMEOUT
    EXPECT_FALSE(alice.vl1().is_online(world.net.now().time));
    world.root().start();
    const Time begin = world.net.now().time;
    ASSERT_TRUE(world.net.run_until(
        [&] {
          return world.root().path_to(alice) == Via::Direct &&
                 world.root().path_to(bob) == Via::Direct;
        },
        seconds(30)))
        << world.net.trace_text();
    // A root without a path is greeted every 5 s (PING_CHECK); it keeps no memory of anybody.
    EXPECT_LE(world.net.now().time - begin, seconds(6)) << world.net.trace_text();
    conversation.talk(60, seconds(1));
  }
  EXPECT_EQ(conversation.lost(), 0U) << world.net.trace_text();
  EXPECT_EQ(alice.vl1().counters().relayed + bob.vl1().counters().relayed, 0U);
}

// Who cannot meet lives on the relay: when that dies the next one takes over.
TEST(RootLossBehindSymmetricBoxes, costs_seconds_where_another_root_is_left) {
  SimWorld world(802, 2);
  SimNode& alice = world.add_behind("alice", world.add_box(Kind::Symmetric));
  SimNode& bob = world.add_behind("bob", world.add_box(Kind::Symmetric));
  world.net.run_for(seconds(120));
  Conversation conversation(world.net, alice, bob);
  conversation.talk(30, seconds(1));
  ASSERT_FALSE(conversation.is_direct());
  ASSERT_EQ(conversation.lost(), 0U) << world.net.trace_text();
  const Address relay = alice.vl1().best_root(world.net.now().time);
  SimNode& lost = world.root(0).address() == relay ? world.root(0) : world.root(1);
  lost.stop();
  const auto heard = conversation.talk_until_heard(minutes(5), seconds(1));
  ASSERT_TRUE(heard) << world.net.trace_text();
  // Who sends through a relay and hears nothing for 5 s asks it, and gives it up 1.6 s later.
  EXPECT_LE(*heard, seconds(9)) << world.net.trace_text();
  const std::size_t before = conversation.lost();
  conversation.talk(200, seconds(1));
  EXPECT_EQ(conversation.lost(), before) << world.net.trace_text();
  // Its return disturbs nobody.
  lost.start();
  conversation.talk(400, seconds(1));
  EXPECT_LE(conversation.lost() - before, 2U) << world.net.trace_text();
}

TEST(Partition, of_minutes_is_over_seconds_after_it_ends) {
  for (const int minutes_apart : {1, 5, 30}) {
    SimWorld world(803);
    SimNode& alice = world.add_behind("alice", world.add_box(Kind::PortRestricted));
    SimNode& bob = world.add_behind("bob", world.add_box(Kind::PortRestricted));
    Conversation conversation(world.net, alice, bob);
    ASSERT_TRUE(conversation.talk_until_direct(seconds(5)));
    // Alice is alone.
    world.net.cut(alice.host(), bob.host());
    world.net.cut(alice.host(), world.root().host());
    conversation.talk(60 * minutes_apart, seconds(1));
    world.net.heal(alice.host(), bob.host());
    world.net.heal(alice.host(), world.root().host());
    const auto heard = conversation.talk_until_heard(minutes(5));
    ASSERT_TRUE(heard) << world.net.trace_text();
    EXPECT_LE(*heard, seconds(6)) << minutes_apart << world.net.trace_text();
    const Time begin = world.net.now().time;
    while (!conversation.is_direct() && world.net.now().time - begin < minutes(2)) {
      conversation.talk(1, seconds(1));
    }
    EXPECT_LE(world.net.now().time - begin, seconds(31)) << world.net.trace_text();
    const std::size_t before = conversation.lost();
    conversation.talk(60, seconds(1));
    EXPECT_EQ(conversation.lost(), before) << world.net.trace_text();
  }
}

// A router on the way between the two fails, and everybody else is well.
TEST(Partition, between_two_peers_alone_makes_them_use_the_relay) {
  SimWorld world(804);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  Conversation conversation(world.net, alice, bob);
  ASSERT_TRUE(conversation.talk_until_direct(seconds(5)));
  world.net.cut(alice.host(), bob.host());
  const auto heard = conversation.talk_until_heard(minutes(1));
  ASSERT_TRUE(heard) << world.net.trace_text();
  EXPECT_LE(*heard, seconds(8)) << world.net.trace_text();
  const std::size_t before = conversation.lost();
  conversation.talk(600, seconds(1));
  EXPECT_LE(conversation.lost() - before, 6U) << world.net.trace_text();
  world.net.heal(alice.host(), bob.host());
  conversation.talk(31, seconds(1));
  const auto relayed = world.root().vl1().counters().relayed;
  conversation.talk(30, seconds(1));
  EXPECT_EQ(world.root().vl1().counters().relayed, relayed) << world.net.trace_text();
}

// Only one direction fails: what Alice sends arrives, and what Bob sends does not.
TEST(Partition, in_one_direction_makes_that_direction_use_the_relay) {
  SimWorld world(805);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  Conversation conversation(world.net, alice, bob);
  ASSERT_TRUE(conversation.talk_until_direct(seconds(5)));
  world.net.cut_one_way(bob.host(), alice.host());
  const auto heard = conversation.talk_until_heard(minutes(1));
  ASSERT_TRUE(heard) << world.net.trace_text();
  EXPECT_LE(*heard, seconds(10)) << world.net.trace_text();
  const std::size_t before = conversation.lost();
  conversation.talk(120, seconds(1));
  // Every question of Alice's that arrives directly makes Bob believe in the path for a moment.
  EXPECT_LE(conversation.lost() - before, 30U) << world.net.trace_text();  // of 240
}

TEST(AsymmetricLoss, of_a_third_on_the_way_in_keeps_the_path) {
  SimWorld world(806);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  alice.host().link_in = Link{milliseconds(10), milliseconds(5), 0.33};
  Conversation conversation(world.net, alice, bob);
  ASSERT_TRUE(conversation.talk_until_direct(minutes(2))) << world.net.trace_text();
  const std::size_t to_bob = bob.texts().size();
  const std::size_t to_alice = alice.texts().size();
  const std::size_t before = conversation.sent();
  conversation.talk(300, seconds(1));
  const std::size_t sent = conversation.sent() - before;
  EXPECT_EQ(bob.texts().size() - to_bob, sent) << world.net.trace_text();  // the way out is clean
  // 300 at 67 %: 201 expected, four standard deviations are 33.
  EXPECT_GT(alice.texts().size() - to_alice, 168U);
  EXPECT_LT(alice.texts().size() - to_alice, 234U);
  EXPECT_TRUE(conversation.is_direct()) << world.net.trace_text();
}

TEST(Duplicates, and_overtaking_deliver_frames_as_the_network_does) {
  SimWorld world(807);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  Conversation conversation(world.net, alice, bob);
  ASSERT_TRUE(conversation.talk_until_direct(seconds(5)));
  alice.host().link.jitter = milliseconds(40);
  alice.host().link.duplicates = 0.5;
  const std::size_t before = bob.texts().size();
  for (int i = 0; i < 200; ++i) {
    alice.send(bob, std::to_string(i));
    world.net.run_for(milliseconds(10));
  }
  world.net.run_for(seconds(1));
  const auto texts = bob.texts();
  std::vector<int> order;
  for (std::size_t i = before; i < texts.size(); ++i) order.push_back(std::stoi(texts[i]));
  // VL1 promises no more than UDP: nothing is held back, nothing is filtered.
  EXPECT_GT(order.size(), 270U);
  EXPECT_LT(order.size(), 330U);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(std::set<int>(order.begin(), order.end()).size(), 200U);
  EXPECT_TRUE(conversation.is_direct());
}

TEST(SmallDatagrams, a_link_that_drops_large_ones_carries_what_local_conf_cuts_smaller) {
  SimWorld world(808);
  SimNode::Settings settings;
  settings.sockets = {address_of(90)};
  const auto prefix = IpPrefix::parse("9.0.0.0/8");
  ASSERT_TRUE(prefix);
  vl1::PhysicalNetwork network;
  network.network = *prefix;
  network.mtu = 1400;
  settings.local_conf.physical = {network};
  SimNode& alice = world.add_node("alice", settings);
  alice.start();
  world.net.run_for(seconds(1));
  SimNode& bob = world.add_joined("bob");
  Conversation conversation(world.net, alice, bob);
  ASSERT_TRUE(conversation.talk_until_direct(seconds(5)));
  bob.host().link.max_datagram = 1400;
  alice.send(bob, std::string(2800, 'x'));
  world.net.run_for(seconds(1));
  EXPECT_EQ(bob.texts().back().size(), 2800U) << world.net.trace_text();
}

}  // namespace
}  // namespace ztshim::sim
