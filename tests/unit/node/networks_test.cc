// What networks may look like: several at once, several addresses, IPv6 that names its member,
// hosts behind bridges, configurations that come from other members. Notes: vl2 3.7, 8, 11.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/writer.h"
#include "service/vl2/ethernet.h"
#include "service/wire/managed_ip.h"
#include "service/wire/messages/network_config.h"
#include "tests/unit/node/overlay_world.h"

namespace ztshim::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class Networks : public ::testing::Test {
 protected:
  // `settings` is what the controller is told beyond the usual.
  NetworkId make(std::uint32_t number, const std::string& settings) {
    const NetworkId network = world_.make_network(number, false);
    world_.controller->change_network(network, settings);
    return network;
  }
  void join(NetworkId network, std::initializer_list<OverlayNode*> nodes) {
    for (OverlayNode* node : nodes) {
      node->join(network);
      EXPECT_TRUE(world_.wait_for([&] { return static_cast<bool>(node->ip(network)); }));
    }
    world_.net.run_for(seconds(1));
  }
  // A neighbour solicitation of the node's stack.
  void solicit(OverlayNode& node, NetworkId network, const IpAddress& from,
               const IpAddress& wanted) {
    Bytes packet;
    Writer out(packet);
    out.be(std::uint32_t{0x60000000}).be(std::uint16_t{24});
    out.be(std::uint8_t{58}).be(std::uint8_t{255});
    out.bytes(from.bytes()).bytes(wanted.bytes());
    out.be(std::uint32_t{0x87000000}).be(std::uint32_t{0}).bytes(wanted.bytes());
    node.send(network, MulticastGroup::for_resolving(wanted).mac, vl2::kEtherIpv6, packet);
  }
  // The others learn it when they renew their configurations.
  void make_bridge(NetworkId network, const OverlayNode& node, bool yes) {
    world_.controller->change_member(
        network, node.address(), yes ? R"({"activeBridge":true})" : R"({"activeBridge":false})");
    world_.net.run_for(seconds(65));
  }
  void from_behind(OverlayNode& bridge, NetworkId network, MacAddress to, MacAddress host,
                   const std::string& text) {
    world_.net.act(bridge.host(), [&](Now now, Outbox& out) {
      bridge.node().on_frame(now, network, to, host, vl2::kEtherIpv4,
                             udp_packet(IpAddress::v4(0x0a931163), IpAddress::v4(1), 5, text), out);
    });
  }

  OverlayWorld world_{71};
  OverlayNode& alice_ = world_.add_started("alice");
  OverlayNode& bob_ = world_.add_started("bob");
  OverlayNode& carol_ = world_.add_started("carol");
};

TEST_F(Networks, with_addresses_that_name_their_member_need_no_question_on_the_wire) {
  const NetworkId network =
      make(0x77, R"({"v6AssignMode":{"6plane":true,"rfc4193":true,"zt":false}})");
  join(network, {&alice_, &bob_});
  std::vector<IpAddress> v6;
  for (const IpPrefix& address : alice_.info(network).addresses) {
    if (address.ip.is_v6()) v6.push_back(address.ip);
  }
  EXPECT_THAT(v6, UnorderedElementsAre(rfc4193_address(network, alice_.address()).ip,
                                       six_plane_address(network, alice_.address()).ip));
  world_.forget_packets();
  alice_.forget();
  // The /80 below a member is all its own: a container there has the member as its neighbour, far
  // outside of the asker's own /64.
  IpAddress container = six_plane_address(network, bob_.address()).ip;
  Bytes bytes = to_bytes(container.bytes());
  bytes[12] = 0xab;
  bytes[15] = 0x77;
  container = IpAddress::v6(bytes);
  solicit(alice_, network, six_plane_address(network, alice_.address()).ip, container);
  solicit(alice_, network, rfc4193_address(network, alice_.address()).ip,
          rfc4193_address(network, bob_.address()).ip);
  ASSERT_THAT(alice_.frames(), SizeIs(2));
  for (const ReceivedFrame& answer : alice_.frames()) {
    EXPECT_EQ(answer.source, bob_.mac(network));
    EXPECT_EQ(answer.payload.at(40), vl2::kNeighborAdvertisement);
  }
  EXPECT_THAT(world_.sent_by(alice_, Verb::MulticastFrame), IsEmpty());
  EXPECT_THAT(world_.sent_by(alice_, Verb::MulticastGather), IsEmpty());
}

TEST_F(Networks, may_give_several_addresses_of_a_family_and_each_can_be_found) {
  const NetworkId network =
      make(0x77, R"({"routes":[{"target":"10.147.17.0/24","via":null},{"target":"10.9.0.0/16",)"
                 R"("via":null},{"target":"fd00:1::/64","via":null}]})");
  world_.controller->change_member(
      network, bob_.address(),
      R"({"ipAssignments":["10.147.17.5","10.9.1.5","fd00:1::5","fd00:1::6"],"noAutoAssignIps":true})");
  join(network, {&alice_, &bob_});
  EXPECT_THAT(bob_.info(network).addresses, SizeIs(4));
  const auto& groups = bob_.info(network).subscriptions;
  for (const char* ip : {"10.147.17.5", "10.9.1.5", "fd00:1::5", "fd00:1::6"}) {
    EXPECT_THAT(groups, Contains(MulticastGroup::for_resolving(*IpAddress::parse(ip)))) << ip;
  }
  // The overlay's host answers for its first address; that the question for another arrives is what
  // counts.
  bob_.forget();
  alice_.ask_for(network, *IpAddress::parse("10.9.1.5"));
  world_.net.run_for(seconds(2));
  EXPECT_THAT(bob_.frames(), SizeIs(1)) << world_.net.trace_text();
  EXPECT_EQ(bob_.frames().at(0).ether_type, vl2::kEtherArp);
}

// Everybody looks at one packet of credentials a second from each sender, of whatever network.
TEST_F(Networks, changed_at_once_do_not_make_each_others_credentials_go_unseen) {
  const std::string rules =
      R"({"rules":[{"type":"MATCH_TAG_SENDER","id":1,"value":5},{"type":"ACTION_ACCEPT"}]})";
  const NetworkId one = make(0x77, rules), other = make(0x78, rules);
  for (const NetworkId network : {one, other}) join(network, {&alice_, &bob_});
  alice_.say(one, bob_, "without the tag");
  alice_.say(other, bob_, "without the tag");
  world_.net.run_for(seconds(2));
  EXPECT_THAT(bob_.heard(), IsEmpty());
  for (const NetworkId network : {one, other}) {
    world_.controller->change_member(network, alice_.address(), R"({"tags":[[1,5]]})");
  }
  world_.net.run_for(seconds(2));
  for (const char* text : {"first", "second"}) {
    alice_.say(one, bob_, text);
    alice_.say(other, bob_, text);
    world_.net.run_for(milliseconds(1500));
  }
  EXPECT_THAT(bob_.heard(), ElementsAre("first", "second", "second")) << world_.net.trace_text();
}

TEST_F(Networks, let_us_talk_to_hosts_behind_a_bridge) {
  const NetworkId network = make(0x77, "{}");
  join(network, {&alice_, &bob_, &carol_});
  make_bridge(network, bob_, true);
  make_bridge(network, carol_, true);
  ASSERT_TRUE(bob_.info(network).bridge);
  const MacAddress host(0x0016cb000001);

  // Nobody knows where it is: all bridges get the frame.
  alice_.send(network, host, vl2::kEtherIpv4,
              udp_packet(alice_.ip(network), IpAddress::v4(1), 5, "to all bridges"));
  world_.net.run_for(seconds(2));
  EXPECT_THAT(bob_.heard(), ElementsAre("to all bridges")) << world_.net.trace_text();
  EXPECT_THAT(carol_.heard(), ElementsAre("to all bridges"));

  // It speaks, and from then on its bridge alone does.
  from_behind(bob_, network, alice_.mac(network), host, "from behind");
  world_.net.run_for(seconds(2));
  ASSERT_THAT(alice_.heard(), ElementsAre("from behind"));
  EXPECT_EQ(alice_.frames().back().source, host);
  alice_.send(network, host, vl2::kEtherIpv4,
              udp_packet(alice_.ip(network), IpAddress::v4(1), 5, "to its bridge"));
  world_.net.run_for(seconds(2));
  EXPECT_THAT(bob_.heard(), ElementsAre("to all bridges", "to its bridge"));
  EXPECT_THAT(carol_.heard(), ElementsAre("to all bridges"));

  // A bridge that is one no more is neither believed nor used.
  make_bridge(network, bob_, false);
  from_behind(bob_, network, alice_.mac(network), host, "still here");
  alice_.send(network, host, vl2::kEtherIpv4,
              udp_packet(alice_.ip(network), IpAddress::v4(1), 5, "to the other"));
  world_.net.run_for(seconds(2));
  EXPECT_THAT(alice_.heard(), ElementsAre("from behind"));
  EXPECT_EQ(bob_.node().vl2().counters(network)->bad_mac, 1U);
  EXPECT_THAT(carol_.heard(), ElementsAre("to all bridges", "to the other"));
}

TEST_F(Networks, let_the_question_of_a_host_behind_a_bridge_through_and_learn_where_it_is) {
  const NetworkId network = make(0x77, "{}");
  join(network, {&alice_, &bob_, &carol_});
  make_bridge(network, bob_, true);
  make_bridge(network, carol_, true);
  const MacAddress host(0x0016cb000002);
  world_.net.act(bob_.host(), [&](Now now, Outbox& out) {
    bob_.node().on_frame(now, network, MacAddress::broadcast(), host, vl2::kEtherArp,
                         arp_request(host, IpAddress::v4(0x0a931163), alice_.ip(network)), out);
  });
  world_.net.run_for(seconds(2));
  // Alice's host has answered it, through the bridge it came from.
  EXPECT_THAT(world_.sent_by(alice_, Verb::ExtFrame), SizeIs(1)) << world_.net.trace_text();
  EXPECT_EQ(world_.sent_by(alice_, Verb::ExtFrame).at(0).to, bob_.address());
  ASSERT_THAT(bob_.frames(), SizeIs(1));
  EXPECT_EQ(bob_.frames()[0].destination, host);
}

class Observed : public Networks {
 protected:
  // Alice, bob and carol; the first rule is `action` at carol's address.
  NetworkId make_observed(const std::string& action) {
    const NetworkId network = make(0x77, "{}");
    join(network, {&alice_, &bob_, &carol_});
    world_.controller->change_network(
        network, R"({"rules":[{"type":"MATCH_IP_PROTOCOL","ipProtocol":17},{"type":")" + action +
                     R"(","address":")" + carol_.address().text() +
                     R"(","flags":0,"length":40},{"type":"ACTION_ACCEPT"}]})");
    world_.net.run_for(seconds(2));
    return network;
  }
};

TEST_F(Observed, frames_reach_the_observer_cut_and_with_the_addresses_they_had) {
  const NetworkId network = make_observed("ACTION_TEE");
  alice_.say(network, bob_, "what everybody should know and a little more");
  world_.net.run_for(seconds(2));
  EXPECT_THAT(bob_.heard(), SizeIs(1));
  // One copy of the sender and one of the receiver.
  ASSERT_THAT(carol_.frames(), SizeIs(2)) << world_.net.trace_text();
  for (const ReceivedFrame& frame : carol_.frames()) {
    EXPECT_EQ(frame.source, alice_.mac(network));
    EXPECT_EQ(frame.destination, bob_.mac(network));
    EXPECT_EQ(frame.payload.size(), 40U);
  }
}

TEST_F(Observed, frames_may_have_to_be_acknowledged_by_the_observer) {
  const NetworkId network = make_observed("ACTION_WATCH");
  alice_.say(network, bob_, "watched");
  world_.net.run_for(seconds(2));
  EXPECT_THAT(carol_.frames(), SizeIs(2));
  EXPECT_EQ(world_.count(Verb::Ok, carol_, alice_, Verb::ExtFrame), 1U);
  EXPECT_EQ(world_.count(Verb::Ok, carol_, bob_, Verb::ExtFrame), 1U);
}

TEST_F(Observed, frames_that_are_redirected_arrive_there_alone) {
  const NetworkId network = make_observed("ACTION_REDIRECT");
  alice_.say(network, bob_, "elsewhere");
  world_.net.run_for(seconds(2));
  EXPECT_THAT(bob_.heard(), IsEmpty());
  EXPECT_THAT(carol_.heard(), ElementsAre("elsewhere"));
}

// What a controller signs in a hurry: every member passes it on.
Bytes fast_chunk(NetworkId network, const Bytes& dictionary, std::uint64_t update,
                 const Identity& controller) {
  Bytes chunk;
  Writer out(chunk);
  const auto size = static_cast<std::uint32_t>(dictionary.size());
  out.be(network.number()).be(static_cast<std::uint16_t>(size)).bytes(dictionary);
  out.be(ConfigChunk::kFastPropagate).be(update).be(size).be(std::uint32_t{0});
  const Signature signature = controller.sign(chunk);
  out.be(std::uint8_t{1}).be(std::uint16_t{96}).bytes(signature);
  return chunk;
}

TEST_F(Networks, pass_urgent_configurations_on_once_and_take_them_from_anybody) {
  const NetworkId network = make(0x77, "{}");
  join(network, {&alice_, &bob_, &carol_});
  alice_.say(network, bob_, "hello");
  bob_.say(network, carol_, "hello");
  world_.net.run_for(seconds(2));
  world_.forget_packets();

  // For carol; alice has it from somewhere and hands it to bob.
  auto stored = world_.controller->node().controller()->member_json(network, carol_.address());
  ASSERT_TRUE(stored);
  NetworkConfig config;
  config.network = network;
  config.issued_to = carol_.address();
  config.timestamp = 1'900'000'000'000;
  config.is_public = true;
  config.name = "urgent";
  config.rules = {Rule{RuleType::ActionAccept, false, false, {}}};
  config.managed_addresses = {{carol_.ip(network), 24}};
  const Bytes chunk = fast_chunk(network, config.write(), 0x4242, world_.controller->identity());
  const auto hand_over = [&] {
    world_.net.act(alice_.host(), [&](Now now, Outbox& out) {
      ASSERT_TRUE(alice_.node().vl1().send(now, bob_.address(), Verb::NetworkConfig, chunk, {},
                                           {.compress = true}, out));
    });
    world_.net.run_for(seconds(2));
  };
  hand_over();
  EXPECT_EQ(carol_.info(network).name, "urgent") << world_.net.trace_text();
  EXPECT_EQ(bob_.info(network).name, "test") << "it is not for bob";
  EXPECT_EQ(world_.count(Verb::NetworkConfig, bob_, carol_), 1U);
  EXPECT_EQ(world_.count(Verb::NetworkConfig, bob_, alice_), 0U);
  hand_over();
  EXPECT_EQ(world_.count(Verb::NetworkConfig, bob_, carol_), 1U) << "known already";
}

}  // namespace
}  // namespace ztshim::testing
