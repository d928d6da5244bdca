// Nodes join networks and talk: public and private ones, what happens when a member loses its
// authorisation, when packets are lost, when somebody restarts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/node/overlay_world.h"

namespace ztshim::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using vl2::NetworkStatus;

TEST(JoiningAPublicNetwork, takes_a_few_round_trips_and_brings_an_address) {
  OverlayWorld world(1);
  const NetworkId network = world.make_network(0xabcd, false);
  OverlayNode& alice = world.add_started("alice");
  alice.join(network);
  EXPECT_EQ(alice.status(network), NetworkStatus::RequestingConfiguration);
  ASSERT_TRUE(
      world.wait_for([&] { return alice.status(network) == NetworkStatus::Ok; }, milliseconds(400)))
      << world.net.trace_text();
  const vl2::NetworkInfo info = alice.info(network);
  ASSERT_EQ(info.addresses.size(), 1U);
  EXPECT_EQ(info.addresses[0].bits, 24U);
  EXPECT_TRUE(IpPrefix::parse("10.147.17.0/24")->contains(info.addresses[0].ip));
  ASSERT_EQ(info.routes.size(), 1U);
  EXPECT_EQ(info.routes[0].target.text(), "10.147.17.0/24");
  EXPECT_EQ(info.name, "test");
  EXPECT_FALSE(info.is_private);
}

TEST(JoiningAPublicNetwork, right_after_starting_needs_no_retry) {
  OverlayWorld world(2);
  const NetworkId network = world.make_network(0xabcd, false);
  OverlayNode& alice = world.add("alice");
  alice.start();
  alice.join(network);
  EXPECT_TRUE(world.wait_for([&] { return alice.status(network) == NetworkStatus::Ok; },
                             milliseconds(1500)))
      << world.net.trace_text();
}

// Both on the network, with each other's MAC by ARP.
struct Pair {
  OverlayNode& alice;
  OverlayNode& bob;
  NetworkId network;
};

Pair joined_pair(OverlayWorld& world, bool is_private) {
  const NetworkId network = world.make_network(0x0077, is_private);
  Pair pair{world.add_started("alice"), world.add_started("bob"), network};
  for (OverlayNode* node : {&pair.alice, &pair.bob}) {
    if (is_private) {
      world.controller->change_member(network, node->address(), R"({"authorized":true})");
    }
    node->join(network);
    EXPECT_TRUE(world.wait_for([&] { return static_cast<bool>(node->ip(network)); }))
        << world.net.trace_text();
  }
  world.net.run_for(seconds(1));
  return pair;
}

TEST(AddressResolution, finds_a_member_within_a_few_round_trips) {
  OverlayWorld world(3);
  const auto [alice, bob, network] = joined_pair(world, false);
  alice.ask_for(network, bob.ip(network));
  EXPECT_TRUE(world.wait_for([&, &a = alice, &b = bob, n = network] { return a.knows(b.ip(n)); },
                             milliseconds(600)))
      << world.net.trace_text();
  EXPECT_EQ(alice.neighbour(bob.ip(network)), bob.mac(network));
}

class MembersTalk : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, MembersTalk, ::testing::Bool(),
                         [](const auto& c) { return c.param ? "on_private" : "on_public"; });

TEST_P(MembersTalk, both_ways) {
  OverlayWorld world(4);
  const auto [alice, bob, network] = joined_pair(world, GetParam());
  alice.ask_for(network, bob.ip(network));
  world.net.run_for(seconds(1));
  ASSERT_TRUE(alice.knows(bob.ip(network))) << world.net.trace_text();
  alice.say(network, bob, "hello");
  world.net.run_for(seconds(1));
  bob.say(network, alice, "hello yourself");
  world.net.run_for(seconds(1));
  EXPECT_THAT(bob.heard(), ElementsAre("hello"));
  EXPECT_THAT(alice.heard(), ElementsAre("hello yourself"));
  EXPECT_EQ(bob.frames().back().source, alice.mac(network));
}

TEST_P(MembersTalk, without_the_root_once_they_found_each_other) {
  OverlayWorld world(5);
  const auto [alice, bob, network] = joined_pair(world, GetParam());
  alice.say(network, bob, "one");
  world.net.run_for(seconds(3));
  bob.say(network, alice, "two");
  world.net.run_for(seconds(3));
  world.root->stop();
  alice.say(network, bob, "three");
  bob.say(network, alice, "four");
  world.net.run_for(seconds(1));
  EXPECT_THAT(bob.heard(), ElementsAre("one", "three")) << world.net.trace_text();
  EXPECT_THAT(alice.heard(), ElementsAre("two", "four"));
}

TEST_P(MembersTalk, although_a_tenth_of_all_datagrams_is_lost) {
  OverlayWorld world(6);
  const auto [alice, bob, network] = joined_pair(world, GetParam());
  alice.host().link.loss = 0.1;
  bob.host().link = {milliseconds(10), milliseconds(20), 0.1};
  for (int i = 0; i < 100; ++i) {
    alice.say(network, bob, "again");
    world.net.run_for(milliseconds(100));
  }
  EXPECT_GT(bob.heard().size(), 60U) << world.net.trace_text();
}

TEST(PrivateNetwork, keeps_an_unknown_node_out_and_lists_it_for_the_administrator) {
  OverlayWorld world(7);
  const NetworkId network = world.make_network(0x0077, true);
  OverlayNode& alice = world.add_started("alice");
  alice.join(network);
  ASSERT_TRUE(world.wait_for([&] { return alice.status(network) == NetworkStatus::AccessDenied; }));
  EXPECT_THAT(world.controller->node().controller()->members(network),
              ElementsAre(alice.address()));
  EXPECT_THAT(alice.info(network).addresses, IsEmpty());

  // Authorising it takes effect at once, not at its next request.
  world.controller->change_member(network, alice.address(), R"({"authorized":true})");
  EXPECT_TRUE(
      world.wait_for([&] { return alice.status(network) == NetworkStatus::Ok; }, milliseconds(200)))
      << world.net.trace_text();
}

TEST(PrivateNetwork, a_stranger_with_a_forged_idea_of_the_network_is_not_heard) {
  OverlayWorld world(8);
  const NetworkId network = world.make_network(0x0077, true);
  const auto [alice, bob, id] = joined_pair(world, true);
  OverlayNode& mallory = world.add_started("mallory");
  mallory.join(network);
  world.net.run_for(seconds(1));
  // It makes up a configuration for itself that lets it send.
  NetworkConfig config;
  config.network = network;
  config.issued_to = mallory.address();
  config.timestamp = 1'800'000'000'000;
  config.is_public = true;
  config.multicast_limit = 32;
  config.rules = {Rule{RuleType::ActionAccept, false, false, {}}};
  config.managed_addresses = {*IpPrefix::parse("10.147.17.99/24")};
  world.net.act(mallory.host(), [&](Now now, Outbox& out) {
    mallory.node().vl2().apply_own_config(now, network, config.write(), out);
  });
  mallory.say(network, alice, "let me in");
  world.net.run_for(seconds(6));
  EXPECT_THAT(alice.heard(), IsEmpty());
  EXPECT_GT(alice.node().vl2().counters().no_certificate, 0U);
}

TEST(Deauthorisation, cuts_a_member_off_at_once) {
  OverlayWorld world(9);
  const auto [alice, bob, network] = joined_pair(world, true);
  alice.say(network, bob, "before");
  world.net.run_for(seconds(2));
  ASSERT_THAT(bob.heard(), ElementsAre("before"));

  world.controller->change_member(network, alice.address(), R"({"authorized":false})");
  world.net.run_for(milliseconds(200));
  alice.say(network, bob, "after");
  world.net.run_for(seconds(8));
  EXPECT_THAT(bob.heard(), ElementsAre("before")) << world.net.trace_text();

  // Its next request tells it so; its configuration stays, its status does not.
  world.net.run_for(seconds(70));
  EXPECT_EQ(alice.status(network), NetworkStatus::AccessDenied);

  // Authorised again it is heard at once, with a newer certificate.
  world.controller->change_member(network, alice.address(), R"({"authorized":true})");
  world.net.run_for(seconds(2));
  EXPECT_EQ(alice.status(network), NetworkStatus::Ok);
  alice.say(network, bob, "back");
  world.net.run_for(seconds(2));
  EXPECT_THAT(bob.heard(), ElementsAre("before", "back")) << world.net.trace_text();
}

TEST(Changes, by_the_administrator_reach_members_within_a_round_trip) {
  OverlayWorld world(10);
  const auto [alice, bob, network] = joined_pair(world, false);
  world.controller->change_network(network, R"({"name":"renamed","mtu":1500})");
  EXPECT_TRUE(world.wait_for([&a = alice, n = network] { return a.info(n).name == "renamed"; },
                             milliseconds(200)));
  EXPECT_EQ(alice.info(network).mtu, 1500U);
}

TEST(Changes, of_the_rules_are_enforced_by_both_ends) {
  OverlayWorld world(11);
  const auto [alice, bob, network] = joined_pair(world, false);
  world.controller->change_network(
      network, R"({"rules":[{"type":"MATCH_IP_DEST_PORT_RANGE","start":7,"end":7},)"
               R"({"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}]})");
  world.net.run_for(seconds(1));
  alice.say(network, bob, "to port seven");
  world.net.run_for(seconds(1));
  EXPECT_THAT(bob.heard(), IsEmpty());
  EXPECT_EQ(alice.node().vl2().counters().filtered_out, 1U);
}

TEST(Restart, of_a_member_uses_the_stored_configuration_before_any_answer) {
  OverlayWorld world(12);
  const auto [alice, bob, network] = joined_pair(world, true);
  const IpAddress before = alice.ip(network);
  alice.stop();
  world.controller->stop();
  alice.start();
  EXPECT_EQ(alice.status(network), NetworkStatus::Ok);
  EXPECT_EQ(alice.ip(network), before);
  world.net.run_for(seconds(2));
  alice.say(network, bob, "still here");
  world.net.run_for(seconds(2));
  EXPECT_THAT(bob.heard(), ElementsAre("still here")) << world.net.trace_text();
  // Bob's certificate was signed by somebody whom alice, started anew, has to ask the root about.
  bob.say(network, alice, "so am I");
  world.net.run_for(seconds(2));
  EXPECT_THAT(alice.heard(), ElementsAre("so am I")) << world.net.trace_text();
}

TEST(Restart, of_everybody_makes_members_findable_again_within_two_seconds) {
  OverlayWorld world(20);
  const auto [alice, bob, network] = joined_pair(world, false);
  for (OverlayNode* node : {&alice, &bob}) node->stop();
  world.controller->stop();
  world.root->stop();
  world.root->start();
  // Both use their stored configuration before they have a path to the root.
  for (OverlayNode* node : {&alice, &bob}) node->start();
  world.net.run_for(seconds(2));
  alice.ask_for(network, bob.ip(network));
  world.net.run_for(seconds(1));
  EXPECT_TRUE(alice.knows(bob.ip(network))) << world.net.trace_text();
}

TEST(Restart, of_the_controller_keeps_networks_members_and_addresses) {
  OverlayWorld world(13);
  const auto [alice, bob, network] = joined_pair(world, true);
  const IpAddress before = alice.ip(network);
  world.controller->stop();
  world.controller->start();
  world.net.run_for(seconds(70));
  EXPECT_EQ(alice.status(network), NetworkStatus::Ok);
  EXPECT_EQ(alice.ip(network), before);
  OverlayNode& carol = world.add_started("carol");
  carol.join(network);
  EXPECT_TRUE(
      world.wait_for([&, n = network] { return carol.status(n) == NetworkStatus::AccessDenied; }));
}

TEST(Leaving, forgets_the_network_and_its_file) {
  OverlayWorld world(14);
  const auto [alice, bob, network] = joined_pair(world, false);
  const std::pair<int, std::uint64_t> file{static_cast<int>(StoredKind::NetworkConfig),
                                           network.number()};
  EXPECT_EQ(alice.files().count(file), 1U);
  alice.leave(network);
  EXPECT_EQ(alice.files().count(file), 0U);
  EXPECT_FALSE(alice.node().vl2().info(network));
  bob.say(network, alice, "anybody there?");
  world.net.run_for(seconds(2));
  EXPECT_THAT(alice.heard(), IsEmpty());
}

TEST(TheController, may_be_a_member_of_its_own_network) {
  OverlayWorld world(15);
  const NetworkId network = world.make_network(0x0077, false);
  world.controller->join(network);
  ASSERT_EQ(world.controller->status(network), NetworkStatus::Ok);
  OverlayNode& alice = world.add_started("alice");
  alice.join(network);
  ASSERT_TRUE(world.wait_for([&] { return static_cast<bool>(alice.ip(network)); }));
  alice.ask_for(network, world.controller->ip(network));
  ASSERT_TRUE(world.wait_for([&] { return alice.knows(world.controller->ip(network)); }))
      << world.net.trace_text();
  alice.say(network, *world.controller, "hello, controller");
  world.net.run_for(seconds(1));
  EXPECT_THAT(world.controller->heard(), ElementsAre("hello, controller"));
}

TEST(TheController, obeys_its_own_revocations_as_a_member) {
  OverlayWorld world(16);
  const NetworkId network = world.make_network(0x0077, true);
  world.controller->join(network);
  world.controller->change_member(network, world.controller->address(), R"({"authorized":true})");
  OverlayNode& alice = world.add_started("alice");
  world.controller->change_member(network, alice.address(), R"({"authorized":true})");
  alice.join(network);
  ASSERT_TRUE(world.wait_for([&] { return static_cast<bool>(alice.ip(network)); }));
  alice.say(network, *world.controller, "one");
  world.net.run_for(seconds(1));
  ASSERT_THAT(world.controller->heard(), ElementsAre("one")) << world.net.trace_text();
  world.controller->change_member(network, alice.address(), R"({"authorized":false})");
  alice.say(network, *world.controller, "two");
  world.net.run_for(seconds(7));
  EXPECT_THAT(world.controller->heard(), ElementsAre("one"));
}

TEST(ANetworkNobodyMade, is_not_found) {
  OverlayWorld world(17);
  OverlayNode& alice = world.add_started("alice");
  const NetworkId network(world.controller->address().number() << 24 | 0x99);
  alice.join(network);
  EXPECT_TRUE(world.wait_for([&] { return alice.status(network) == NetworkStatus::NotFound; }));
  // Asking goes on, so that it works as soon as the network exists.
  world.make_network(0x99, false);
  EXPECT_TRUE(world.wait_for([&] { return alice.status(network) == NetworkStatus::Ok; }));
}

TEST(AnAdHocNetwork, works_without_any_controller) {
  OverlayWorld world(18);
  world.controller->stop();
  OverlayNode& alice = world.add_started("alice");
  OverlayNode& bob = world.add_started("bob");
  const NetworkId network(0xff00160016000000);
  alice.join(network);
  bob.join(network);
  EXPECT_EQ(alice.status(network), NetworkStatus::Ok);
  ASSERT_EQ(alice.info(network).addresses.size(), 1U);
  // A neighbour solicitation for bob is answered by alice's own node, because the address says all.
  const IpAddress bobs = bob.info(network).addresses.at(0).ip;
  Bytes packet;
  Writer out(packet);
  out.be(std::uint32_t{0x60000000})
      .be(std::uint16_t{24})
      .be(std::uint8_t{58})
      .be(std::uint8_t{255});
  out.bytes(alice.info(network).addresses.at(0).ip.bytes()).bytes(bobs.bytes());
  out.be(std::uint32_t{0x87000000}).be(std::uint32_t{0}).bytes(bobs.bytes());
  alice.send(network, MulticastGroup::for_resolving(bobs).mac, 0x86dd, packet);
  ASSERT_EQ(alice.frames().size(), 1U);
  EXPECT_EQ(alice.frames()[0].source, bob.mac(network));
  EXPECT_EQ(alice.frames()[0].payload.at(40), 0x88);
}

TEST(Multicast, reaches_every_subscriber_and_no_more_than_the_limit) {
  OverlayWorld world(19);
  const NetworkId network = world.make_network(0x0077, false);
  std::vector<OverlayNode*> nodes;
  for (int i = 0; i < 6; ++i) {
    OverlayNode& node = world.add_started("member" + std::to_string(i));
    node.join(network);
    nodes.push_back(&node);
  }
  const MulticastGroup group{MacAddress(0x01005e000105), 0};
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    world.net.run_for(seconds(1));
    world.net.act(nodes[i]->host(), [&](Now now, Outbox& out) {
      nodes[i]->node().vl2().set_host_groups(now, network, {group}, out);
    });
  }
  world.net.run_for(seconds(2));
  nodes[0]->send(network, group.mac, 0x0800,
                 udp_packet(nodes[0]->ip(network), IpAddress::v4(0xe0000105), 5, "to all"));
  world.net.run_for(seconds(3));
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    EXPECT_THAT(nodes[i]->heard(), ElementsAre("to all")) << world.net.trace_text();
  }

  world.controller->change_network(network, R"({"multicastLimit":2})");
  world.net.run_for(seconds(2));
  nodes[0]->send(network, group.mac, 0x0800,
                 udp_packet(nodes[0]->ip(network), IpAddress::v4(0xe0000105), 5, "to some"));
  world.net.run_for(seconds(6));
  std::size_t heard = 0;
  for (const OverlayNode* node : nodes) {
    for (const std::string& text : node->heard()) heard += text == "to some" ? 1U : 0U;
  }
  EXPECT_EQ(heard, 2U);
}

}  // namespace
}  // namespace ztshim::testing
