// Who sends what to whom, and when: the schedules of requests, credentials and announcements, and
// what repairs losses. Notes: vl2 6, 9, 10.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/writer.h"
#include "tests/unit/node/overlay_world.h"

namespace ztshim::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using vl2::NetworkStatus;

struct Members {
  explicit Members(std::uint64_t seed, bool is_private = true, bool join = true)
      : world(seed),
        network(world.make_network(0x0077, is_private)),
        alice(world.add_started("alice")),
        bob(world.add_started("bob")) {
    if (!join) return;
    for (OverlayNode* node : {&alice, &bob}) {
      world.controller->change_member(network, node->address(), R"({"authorized":true})");
      node->join(network);
      EXPECT_TRUE(world.wait_for([&] { return static_cast<bool>(node->ip(network)); }))
          << world.net.trace_text();
    }
    world.net.run_for(seconds(1));
    world.forget_packets();
  }

  OverlayWorld world;
  NetworkId network;
  OverlayNode& alice;
  OverlayNode& bob;
};

TEST(Requests, go_out_every_five_seconds_until_there_is_a_configuration) {
  Members m(21, true, false);
  m.alice.join(m.network);
  m.world.net.run_for(seconds(19));
  EXPECT_EQ(m.alice.status(m.network), NetworkStatus::AccessDenied);
  EXPECT_EQ(m.world.count(Verb::NetworkConfigRequest, m.alice, *m.world.controller), 4U);
}

TEST(Requests, renew_a_configuration_once_a_minute) {
  Members m(22);
  m.world.net.run_for(seconds(180));
  EXPECT_EQ(m.world.count(Verb::NetworkConfigRequest, m.alice, *m.world.controller), 3U);
  EXPECT_EQ(m.world.count(Verb::Ok, *m.world.controller, m.alice, Verb::NetworkConfigRequest), 3U);
}

TEST(Requests, are_repeated_when_an_answer_is_lost) {
  Members m(23, false, false);
  bool first = true;
  m.world.drop = [&](const SentPacket& packet) {
    const bool swallow = first && packet.in_re == Verb::NetworkConfigRequest;
    if (swallow) first = false;
    return swallow;
  };
  m.alice.join(m.network);
  m.world.net.run_for(seconds(4));
  EXPECT_EQ(m.alice.status(m.network), NetworkStatus::RequestingConfiguration);
  m.world.net.run_for(seconds(2));
  EXPECT_EQ(m.alice.status(m.network), NetworkStatus::Ok);
}

TEST(Requests, wait_a_second_after_leaving_and_joining_again) {
  Members m(24, false);
  m.alice.leave(m.network);
  m.alice.join(m.network);
  EXPECT_TRUE(
      m.world.wait_for([&] { return m.alice.status(m.network) == NetworkStatus::Ok; }, seconds(6)));
}

TEST(Pushes, are_acknowledged_in_re_echo) {
  Members m(25, false);
  m.world.controller->change_network(m.network, R"({"name":"renamed"})");
  m.world.net.run_for(seconds(1));
  EXPECT_EQ(m.world.count(Verb::NetworkConfig, *m.world.controller, m.alice), 1U);
  EXPECT_EQ(m.world.count(Verb::Ok, m.alice, *m.world.controller, Verb::Echo), 1U);
}

TEST(Pushes, do_not_follow_a_change_that_changes_nothing) {
  Members m(26, false);
  m.world.controller->change_network(m.network, R"({"name":"test","private":false})");
  m.world.net.run_for(seconds(1));
  EXPECT_EQ(m.world.count(Verb::NetworkConfig, *m.world.controller, m.alice), 0U);
}

TEST(Credentials, go_before_the_first_frame_and_again_after_a_renewal_only) {
  Members m(27);
  for (int i = 0; i < 5; ++i) m.alice.say(m.network, m.bob, "hello");
  m.world.net.run_for(seconds(2));
  EXPECT_EQ(m.world.count(Verb::NetworkCredentials, m.alice, m.bob), 1U)
      << m.world.net.trace_text();
  const auto packets = m.world.sent_by(m.alice, Verb::NetworkCredentials);
  const auto frames = m.world.sent_by(m.alice, Verb::Frame);
  ASSERT_THAT(packets, SizeIs(1));
  ASSERT_THAT(frames, SizeIs(5));
  EXPECT_LE(packets[0].when, frames[0].when);
  m.world.net.run_for(seconds(60));  // renewed meanwhile
  m.alice.say(m.network, m.bob, "hello");
  m.alice.say(m.network, m.bob, "hello");
  m.world.net.run_for(seconds(1));
  EXPECT_EQ(m.world.count(Verb::NetworkCredentials, m.alice, m.bob), 2U);
  EXPECT_THAT(m.bob.heard(), SizeIs(7));
}

TEST(Credentials, that_were_lost_are_asked_for_and_the_frame_is_delivered_late) {
  Members m(28);
  bool lose = true;
  m.world.drop = [&](const SentPacket& packet) {
    return lose && packet.verb == Verb::NetworkCredentials && packet.from == m.alice.address();
  };
  m.alice.say(m.network, m.bob, "wait for me");
  m.world.net.run_for(milliseconds(500));
  EXPECT_THAT(m.bob.heard(), IsEmpty());
  EXPECT_EQ(m.world.count(Verb::Error, m.bob, m.alice, Verb::Frame), 1U);
  lose = false;
  m.world.net.run_for(milliseconds(1200));
  EXPECT_THAT(m.bob.heard(), ElementsAre("wait for me")) << m.world.net.trace_text();
}

TEST(Credentials, are_shown_to_whoever_asks_once_a_second) {
  Members m(40);
  OverlayNode& stranger = m.world.add_started("stranger");
  m.world.forget_packets();
  for (int i = 0; i < 20; ++i) {
    m.world.net.act(stranger.host(), [&](Now now, Outbox& out) {
      Bytes body;
      Writer(body).be(m.network.number());
      stranger.node().vl1().send_error(now, m.alice.address(), Verb::Frame, PacketId(7),
                                       ErrorCode::NeedMembershipCertificate, body, out);
    });
    m.world.net.run_for(milliseconds(100));
  }
  m.world.net.run_for(seconds(1));
  const std::size_t shown = m.world.count(Verb::NetworkCredentials, m.alice, stranger);
  EXPECT_GE(shown, 1U);
  EXPECT_LE(shown, 3U);
}

TEST(Credentials, that_never_come_cost_one_complaint_a_second_and_the_frame_after_five) {
  Members m(29);
  m.world.drop = [&](const SentPacket& packet) {
    return packet.verb == Verb::NetworkCredentials && packet.from == m.alice.address();
  };
  for (int i = 0; i < 5; ++i) m.alice.say(m.network, m.bob, "too early");
  m.world.net.run_for(seconds(20));
  const std::size_t complaints = m.world.count(Verb::Error, m.bob, m.alice, Verb::Frame);
  EXPECT_GE(complaints, 4U);
  EXPECT_LE(complaints, 6U);
  EXPECT_THAT(m.bob.heard(), IsEmpty());
  EXPECT_EQ(m.bob.node().vl2().counters().no_certificate, 5U);
}

TEST(Credentials, of_the_controller_bring_a_revocation_although_it_just_renewed_its_own) {
  Members m(30);
  m.world.controller->join(m.network);
  m.world.controller->change_member(m.network, m.world.controller->address(),
                                    R"({"authorized":true})");
  m.world.net.run_for(seconds(1));
  m.alice.say(m.network, m.bob, "before");
  m.world.net.run_for(seconds(1));
  // The controller's own credentials use up this second's packet at bob, then comes the revocation.
  m.world.controller->say(m.network, m.bob, "hello");
  m.world.controller->change_member(m.network, m.alice.address(), R"({"authorized":false})");
  m.world.net.run_for(milliseconds(300));
  m.alice.say(m.network, m.bob, "after");
  m.world.net.run_for(seconds(7));
  EXPECT_THAT(m.bob.heard(), ElementsAre("before", "hello"));
}

TEST(Revocations, are_passed_on_to_members_the_controller_does_not_reach) {
  Members m(31);
  m.alice.say(m.network, m.bob, "one");
  m.bob.say(m.network, m.alice, "two");
  OverlayNode& carol = m.world.add_started("carol");
  m.world.controller->change_member(m.network, carol.address(), R"({"authorized":true})");
  carol.join(m.network);
  ASSERT_TRUE(m.world.wait_for([&] { return static_cast<bool>(carol.ip(m.network)); }));
  carol.say(m.network, m.bob, "three");
  m.world.net.run_for(seconds(2));
  ASSERT_THAT(m.bob.heard(), ElementsAre("one", "three"));

  // Nothing from the controller reaches bob, but alice knows bob.
  m.world.drop = [&](const SentPacket& packet) {
    return packet.from == m.world.controller->address() && packet.to == m.bob.address();
  };
  m.world.controller->change_member(m.network, carol.address(), R"({"authorized":false})");
  m.world.net.run_for(seconds(3));
  carol.say(m.network, m.bob, "four");
  m.world.net.run_for(seconds(7));
  EXPECT_THAT(m.bob.heard(), ElementsAre("one", "three")) << m.world.net.trace_text();
  // Once each: the flood dies out.
  EXPECT_EQ(m.world.count(Verb::NetworkCredentials, m.alice, m.bob), 2U)
      << "its own credentials, and the revocation";
}

TEST(Announcements, go_to_root_and_controller_at_once_and_once_a_minute) {
  Members m(32, false);
  m.world.net.run_for(seconds(130));
  EXPECT_EQ(m.world.count(Verb::MulticastLike, m.alice, *m.world.root), 2U);
  EXPECT_EQ(m.world.count(Verb::MulticastLike, m.alice, *m.world.controller), 2U);
  m.world.forget_packets();
  m.world.net.act(m.alice.host(), [&](Now now, Outbox& out) {
    m.alice.node().vl2().set_host_groups(now, m.network, {{MacAddress(0x01005e000105), 0}}, out);
  });
  EXPECT_EQ(m.world.count(Verb::MulticastLike, m.alice, *m.world.root), 1U);
  EXPECT_EQ(m.world.count(Verb::MulticastLike, m.alice, *m.world.controller), 1U);
}

TEST(LowBandwidth, leaves_only_what_is_new_to_be_said) {
  Members m(39, false);
  m.alice.node().vl2().set_low_bandwidth(true);
  m.world.net.run_for(seconds(70));  // what was due by the old schedule
  m.world.forget_packets();
  m.world.net.run_for(seconds(600));
  EXPECT_EQ(m.world.count(Verb::NetworkConfigRequest, m.alice, *m.world.controller), 0U);
  EXPECT_THAT(m.world.sent_by(m.alice, Verb::MulticastLike), IsEmpty());
  m.world.net.act(m.alice.host(), [&](Now now, Outbox& out) {
    m.alice.node().vl2().set_host_groups(now, m.network, {{MacAddress(0x01005e000105), 0}}, out);
  });
  EXPECT_EQ(m.world.count(Verb::MulticastLike, m.alice, *m.world.root), 1U);
  m.world.net.run_for(seconds(64 * 60));
  EXPECT_EQ(m.world.count(Verb::NetworkConfigRequest, m.alice, *m.world.controller), 1U);
}

TEST(Announcements, reach_a_root_that_was_restarted_within_a_minute) {
  Members m(33, false);
  m.world.controller->stop();
  m.world.root->stop();
  m.world.root->start();
  m.world.net.run_for(seconds(70));
  m.alice.ask_for(m.network, m.bob.ip(m.network));
  EXPECT_TRUE(m.world.wait_for([&] { return m.alice.knows(m.bob.ip(m.network)); }, seconds(5)))
      << m.world.net.trace_text();
}

TEST(AddressResolution, asks_root_and_controller_for_whoever_listens) {
  Members m(34, false);
  m.alice.ask_for(m.network, m.bob.ip(m.network));
  m.world.net.run_for(seconds(1));
  EXPECT_EQ(m.world.count(Verb::MulticastGather, m.alice, *m.world.root), 1U);
  EXPECT_EQ(m.world.count(Verb::MulticastGather, m.alice, *m.world.controller), 1U);
  EXPECT_EQ(m.world.count(Verb::MulticastFrame, m.alice, m.bob), 1U);
  EXPECT_TRUE(m.alice.knows(m.bob.ip(m.network)));
}

TEST(AddressResolution, of_an_address_nobody_has_bothers_no_member) {
  Members m(35, false);
  m.alice.ask_for(m.network, IpAddress::parse("10.147.17.250").value());
  m.world.net.run_for(seconds(6));
  EXPECT_EQ(m.world.count(Verb::MulticastFrame, m.alice, m.bob), 0U);
}

TEST(AddressResolution, works_where_broadcast_is_forbidden) {
  Members m(36, false);
  m.world.controller->change_network(m.network, R"({"enableBroadcast":false})");
  m.world.net.run_for(seconds(1));
  m.alice.ask_for(m.network, m.bob.ip(m.network));
  m.world.net.run_for(seconds(1));
  EXPECT_TRUE(m.alice.knows(m.bob.ip(m.network)));
}

TEST(TwoNetworks, of_one_node_do_not_mix) {
  Members m(37, false);
  const NetworkId other = m.world.make_network(0x0078, false);
  m.alice.join(other);
  m.bob.join(other);
  ASSERT_TRUE(m.world.wait_for([&] { return m.alice.ip(other) && m.bob.ip(other); }));
  m.bob.forget();
  m.alice.say(other, m.bob, "on the other one");
  m.world.net.run_for(seconds(2));
  std::vector<NetworkId> seen;
  for (const ReceivedFrame& frame : m.bob.frames()) {
    if (frame.ether_type == 0x0800) seen.push_back(frame.network);
  }
  EXPECT_THAT(seen, ElementsAre(other));
  EXPECT_NE(m.alice.mac(m.network), m.alice.mac(other));
}

TEST(AManyMemberedNetwork, gives_everybody_an_address_of_its_own) {
  OverlayWorld world(38);
  const NetworkId network = world.make_network(0x0077, false);
  std::vector<OverlayNode*> nodes;
  for (int i = 0; i < 40; ++i) {
    OverlayNode& node = world.add("member" + std::to_string(i));
    node.start();
    node.join(network);
    nodes.push_back(&node);
  }
  EXPECT_TRUE(world.wait_for(
      [&] {
        return std::all_of(nodes.begin(), nodes.end(),
                           [&](const OverlayNode* n) { return static_cast<bool>(n->ip(network)); });
      },
      seconds(30)));
  std::set<IpAddress> addresses;
  for (const OverlayNode* node : nodes) addresses.insert(node->ip(network));
  EXPECT_EQ(addresses.size(), nodes.size());
}

}  // namespace
}  // namespace ztshim::testing
