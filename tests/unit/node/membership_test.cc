// What an administrator takes away is gone at once, in both directions; what is given back comes
// back by itself; and whoever is kept out is told why. Notes: vl2 5.6, 6.4, 10.1.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/node/overlay_world.h"

namespace ztshim::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using vl2::NetworkStatus;

class Membership : public ::testing::Test {
 protected:
  Membership() {
    for (OverlayNode* node : {&alice_, &bob_}) {
      authorise(*node, true);
      node->join(network_);
      EXPECT_TRUE(world_.wait_for([&] { return static_cast<bool>(node->ip(network_)); }));
    }
    alice_.say(network_, bob_, "before");
    bob_.say(network_, alice_, "before");
    world_.net.run_for(seconds(2));
    EXPECT_THAT(alice_.heard(), ElementsAre("before"));
    EXPECT_THAT(bob_.heard(), ElementsAre("before"));
  }
  void authorise(const OverlayNode& node, bool yes) {
    world_.controller->change_member(network_, node.address(),
                                     yes ? R"({"authorized":true})" : R"({"authorized":false})");
  }
  static vl2::Counters counters(OverlayNode& node) { return node.node().vl2().counters(); }

  OverlayWorld world_{61};
  const NetworkId network_ = world_.make_network(0x0077, true);
  OverlayNode& alice_ = world_.add_started("alice");
  OverlayNode& bob_ = world_.add_started("bob");
};

TEST_F(Membership, that_is_taken_back_ends_traffic_in_both_directions) {
  authorise(alice_, false);
  world_.net.run_for(milliseconds(200));
  bob_.say(network_, alice_, "to the one who is out");
  alice_.say(network_, bob_, "from the one who is out");
  world_.net.run_for(seconds(8));
  EXPECT_THAT(alice_.heard(), ElementsAre("before")) << world_.net.trace_text();
  EXPECT_THAT(bob_.heard(), ElementsAre("before"));
  EXPECT_EQ(counters(bob_).revoked, 1U) << "bob did not send it";
}

TEST_F(Membership, that_is_taken_back_is_known_to_the_member_within_two_seconds) {
  authorise(alice_, false);
  EXPECT_TRUE(world_.wait_for(
      [&] { return alice_.status(network_) == NetworkStatus::AccessDenied; }, seconds(2)))
      << world_.net.trace_text();
  alice_.say(network_, bob_, "nobody wants to hear this");
  EXPECT_EQ(counters(alice_).access_denied, 1U);
  EXPECT_EQ(alice_.node().vl2().counters(network_)->access_denied, 1U);
}

TEST_F(Membership, that_is_given_back_is_noticed_although_the_member_has_nothing_to_say) {
  authorise(alice_, false);
  world_.net.run_for(seconds(10));
  bob_.say(network_, alice_, "lost");
  world_.net.run_for(seconds(2));
  authorise(alice_, true);
  world_.net.run_for(seconds(2));
  for (int i = 0; i < 3; ++i) {
    bob_.say(network_, alice_, "again");
    world_.net.run_for(seconds(1));
  }
  EXPECT_THAT(alice_.heard(), Contains("again")) << world_.net.trace_text();
  EXPECT_THAT(alice_.heard(), Not(Contains("lost")));
}

TEST_F(Membership, of_somebody_revoked_is_not_announced_to_him_either) {
  const MulticastGroup group{MacAddress(0x01005e000105), 0};
  world_.net.act(alice_.host(), [&](Now now, Outbox& out) {
    alice_.node().vl2().set_host_groups(now, network_, {group}, out);
  });
  world_.net.run_for(seconds(1));
  authorise(alice_, false);
  world_.net.run_for(seconds(1));
  alice_.forget();
  bob_.send(network_, group.mac, 0x0800,
            udp_packet(bob_.ip(network_), IpAddress::v4(0xe0000105), 5, "to members only"));
  world_.net.run_for(seconds(6));
  EXPECT_THAT(alice_.heard(), IsEmpty());
}

TEST_F(Membership, that_is_refused_says_who_has_to_be_asked_for_what) {
  OverlayNode& carol = world_.add_started("carol");
  carol.join(network_);
  EXPECT_THAT(carol.info(network_).reason, HasSubstr("not answered yet"));
  ASSERT_TRUE(
      world_.wait_for([&] { return carol.status(network_) == NetworkStatus::AccessDenied; }));
  const std::string reason = carol.info(network_).reason;
  EXPECT_THAT(reason, HasSubstr(carol.address().text()));
  EXPECT_THAT(reason, HasSubstr(world_.controller->address().text()));
  EXPECT_THAT(reason, HasSubstr(network_.text()));
  EXPECT_EQ(alice_.info(network_).reason, "");
}

TEST_F(Membership, of_another_network_is_not_touched) {
  const NetworkId other = world_.make_network(0x0078, false);
  alice_.join(other);
  bob_.join(other);
  ASSERT_TRUE(world_.wait_for([&] { return alice_.ip(other) && bob_.ip(other); }));
  authorise(alice_, false);
  world_.net.run_for(seconds(3));
  alice_.say(other, bob_, "on the other one");
  world_.net.run_for(seconds(2));
  EXPECT_THAT(bob_.heard(), ElementsAre("before", "on the other one"));
  EXPECT_EQ(bob_.node().vl2().counters(other)->frames_in,
            counters(bob_).frames_in - bob_.node().vl2().counters(network_)->frames_in);
}

}  // namespace
}  // namespace ztshim::testing
