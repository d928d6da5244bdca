// How nodes come together: with their root, with peers they have never heard of, and without it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/sim_node.h"

namespace ztshim::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Hosts are 10 ms from the network's middle: 20 ms one way, 40 ms there and back.
constexpr Duration kRoundTrip{40};

TEST(ColdStart, a_node_is_online_after_one_round_trip) {
  SimWorld world(1);
  SimNode& alice = world.add_node("alice");
  EXPECT_FALSE(world.root().vl1().is_reachable(world.net.now().time, alice.address()));
  alice.start();
  EXPECT_FALSE(alice.vl1().is_online(world.net.now().time));
  world.net.run_for(kRoundTrip);
  EXPECT_TRUE(alice.vl1().is_online(world.net.now().time)) << world.net.trace_text();
  EXPECT_EQ(alice.path_to(world.root()), Via::Direct) << world.net.trace_text();
  EXPECT_EQ(alice.vl1().latency_ms(world.root().address()), kRoundTrip.count());
  ASSERT_EQ(alice.events().size(), 1U);
  EXPECT_TRUE(std::get<OnlineChanged>(alice.events()[0]).online);
}

TEST(ColdStart, the_root_learns_the_path_back_by_an_answer_of_the_nodes) {
  SimWorld world(2);
  SimNode& alice = world.add_node("alice");
  alice.start();
  world.net.run_for(kRoundTrip);
  // It has seen a HELLO and answered it, which is no reason to send anything there yet.
  EXPECT_NE(world.root().path_to(alice), Via::Direct);
  world.net.run_for(kRoundTrip);
  EXPECT_EQ(world.root().path_to(alice), Via::Direct) << world.net.trace_text();
}

TEST(ColdStart, an_unreachable_root_is_greeted_every_five_seconds) {
  SimWorld world(3);
  world.root().stop();
  SimNode& alice = world.add_node("alice");
  const std::size_t before = world.net.trace().datagrams();
  alice.start();
  world.net.run_for(seconds(59));
  EXPECT_EQ(world.net.trace().datagrams() - before, 12U) << world.net.trace_text();
  world.root().start();
  world.net.run_for(seconds(6));
  EXPECT_TRUE(alice.vl1().is_online(world.net.now().time)) << world.net.trace_text();
}

TEST(ColdStart, a_lab_on_loopback_is_there_at_once) {
  // All nodes share one address, and the gate that spares us validations must not make them queue.
  SimNetwork net(4);
  const auto at = [](std::uint16_t port) { return Endpoint{IpAddress::v4(0x7f000001), port}; };
  SimNode::Settings settings;
  settings.sockets = {at(9993)};
  settings.planet = planet_of({{identity(0), {at(9993)}}});
  SimNode root(net, "root", identity(0), settings);
  root.start();
  std::vector<std::unique_ptr<SimNode>> nodes;
  for (std::uint16_t n = 1; n <= 20; ++n) {
    settings.sockets = {at(static_cast<std::uint16_t>(20000 + n))};
    nodes.push_back(
        std::make_unique<SimNode>(net, "node" + std::to_string(n), identity(n), settings));
    nodes.back()->start();
  }
  net.run_for(seconds(1));
  for (const auto& node : nodes) {
    EXPECT_EQ(node->path_to(root), Via::Direct) << net.trace_text();
    EXPECT_EQ(root.path_to(*node), Via::Direct) << net.trace_text();
  }
  nodes[0]->send(*nodes[1], "over loopback");
  net.run_for(seconds(1));
  EXPECT_THAT(nodes[1]->texts(), ElementsAre("over loopback"));
  EXPECT_EQ(nodes[0]->path_to(*nodes[1]), Via::Direct) << net.trace_text();
}

TEST(ColdStart, strangers_of_one_network_are_admitted_one_in_two_seconds) {
  SimWorld world(5);
  std::vector<SimNode*> nodes;
  for (std::uint32_t n = 1; n <= 4; ++n) {
    SimNode::Settings settings;
    settings.sockets = {{IpAddress::v4(0x0a000000 + n), 9993}};  // 10.0.0.n
    nodes.push_back(&world.add_node("node" + std::to_string(n), settings));
    nodes.back()->start();
  }
  world.net.run_for(seconds(1));
  const auto joined = [&] {
    return std::count_if(nodes.begin(), nodes.end(), [&](const SimNode* node) {
      return node->path_to(world.root()) == Via::Direct;
    });
  };
  EXPECT_EQ(joined(), 1) << world.net.trace_text();
  EXPECT_EQ(world.root().vl1().counters().rate_limited, 3U);
  world.net.run_for(seconds(30));
  EXPECT_EQ(joined(), 4) << world.net.trace_text();
}

TEST(Whois, the_first_packet_finds_a_peer_nobody_told_us_of) {
  SimWorld world(6);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  alice.send(bob, "hello");
  // WHOIS, the packet by way of the root, WHOIS of the other side.
  world.net.run_for(kRoundTrip * 3);
  EXPECT_THAT(bob.texts(), ElementsAre("hello")) << world.net.trace_text();
  EXPECT_THAT(alice.upper().learned, Contains(bob.address()));
}

TEST(Whois, packets_sent_before_there_is_a_root_wait_for_it) {
  SimWorld world(7);
  SimNode& bob = world.add_joined("bob");
  SimNode& alice = world.add_node("alice");
  alice.start();
  alice.send(bob, "early");
  world.net.run_for(seconds(1));
  EXPECT_THAT(bob.texts(), ElementsAre("early")) << world.net.trace_text();
}

TEST(Whois, a_peer_that_does_not_exist_is_asked_for_in_vain_and_given_up) {
  SimWorld world(8);
  SimNode& alice = world.add_joined("alice");
  SimNode& nobody = world.add_node("nobody");  // never started
  alice.send(nobody, "hello?");
  world.net.run_for(seconds(6));
  const std::size_t before = world.net.trace().datagrams();
  world.net.run_for(seconds(10));
  EXPECT_EQ(world.net.trace().datagrams(), before) << world.net.trace_text();
  EXPECT_EQ(alice.vl1().identity_of(nobody.address()), nullptr);
}

TEST(DirectPath, peers_leave_the_relay) {
  SimWorld world(9);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  alice.send(bob, "one");
  EXPECT_TRUE(world.net.run_until(
      [&] { return alice.path_to(bob) == Via::Direct && bob.path_to(alice) == Via::Direct; },
      seconds(1)))
      << world.net.trace_text();
  const auto relayed = world.root().vl1().counters().relayed;
  for (int i = 0; i < 10; ++i) {
    alice.send(bob, "more");
    bob.send(alice, "back");
  }
  world.net.run_for(seconds(1));
  EXPECT_EQ(bob.texts().size(), 11U);
  EXPECT_EQ(alice.texts().size(), 10U);
  EXPECT_EQ(world.root().vl1().counters().relayed, relayed) << world.net.trace_text();
}

TEST(DirectPath, active_peers_keep_it_and_idle_ones_let_it_go) {
  SimWorld world(10);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  alice.send(bob, "one");
  bob.send(alice, "two");
  world.net.run_for(seconds(400));  // silent, but active for 500 s after the last frame
  EXPECT_EQ(alice.path_to(bob), Via::Direct) << world.net.trace_text();
  world.net.run_for(seconds(400));
  EXPECT_NE(alice.path_to(bob), Via::Direct) << world.net.trace_text();
  world.net.run_for(seconds(600));
  EXPECT_EQ(alice.vl1().identity_of(bob.address()), nullptr);  // forgotten, but written down
  EXPECT_THAT(alice.stored(),
              Contains(::testing::Field(&StoredObject::key, bob.address().number())));
  alice.send(bob, "three");
  world.net.run_for(seconds(1));
  EXPECT_THAT(bob.texts(), ElementsAre("one", "three")) << world.net.trace_text();
}

TEST(DirectPath, untrusted_peers_are_not_told_our_addresses) {
  SimWorld world(11);
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  bob.upper().trusting = alice.upper().trusting = false;
  alice.send(bob, "one");
  world.net.run_for(seconds(5));
  EXPECT_THAT(world.net.trace_text(), ::testing::Not(::testing::HasSubstr("PUSH_DIRECT_PATHS")));
  bob.upper().trusting = true;
  alice.send(bob, "two");
  world.net.run_for(seconds(1));
  EXPECT_THAT(world.net.trace_text(),
              ::testing::HasSubstr("bob -> alice suite 3 hops 0 PUSH_DIRECT_PATHS"));
}

TEST(Fragments, large_packets_arrive_directly_and_through_the_relay) {
  for (const bool classic : {false, true}) {
    SimWorld world(12);
    SimNode::Settings settings;
    settings.sockets = {address_of(40)};
    settings.classic_fragments = classic;
    SimNode& alice = world.add_node("alice", settings);
    alice.start();
    SimNode& bob = world.add_joined("bob");
    const std::string large(9900 - 28, 'x');
    alice.send(bob, large);
    world.net.run_for(seconds(1));
    EXPECT_THAT(bob.texts(), ElementsAre(large)) << world.net.trace_text();
    EXPECT_EQ(alice.path_to(bob), Via::Direct);
    alice.send(bob, large + "y");
    world.net.run_for(seconds(1));
    EXPECT_THAT(bob.texts(), ElementsAre(large, large + "y")) << world.net.trace_text();
    alice.send(bob, std::string(9929 - 28, 'z'));  // an eighth datagram nobody would take
    world.net.run_for(seconds(1));
    EXPECT_EQ(bob.texts().size(), 2U);
  }
}

TEST(Repeat, the_same_seed_gives_the_same_datagrams) {
  const auto digest = [](std::uint64_t seed) {
    SimWorld world(seed);
    SimNode& alice = world.add_joined("alice");
    SimNode& bob = world.add_joined("bob");
    alice.host().link = {Duration{5}, Duration{10}, 0.1};
    alice.send(bob, "hello");
    world.net.run_for(seconds(100));
    return world.net.trace().digest();
  };
  EXPECT_EQ(digest(13), digest(13));
  EXPECT_NE(digest(13), digest(14));
}

}  // namespace
}  // namespace ztshim::sim
