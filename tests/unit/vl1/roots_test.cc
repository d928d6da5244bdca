#include "service/vl1/roots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/sim_node.h"

namespace ztshim::vl1 {
namespace {

constexpr Time kNow{Duration{10'000'000}};

Endpoint at(const char* text) { return *Endpoint::parse(text); }

World moon(std::uint64_t id, std::uint64_t timestamp, std::vector<WorldRoot> roots) {
  return World::make(WorldType::Moon, id, timestamp, std::move(roots), sim::identity(9));
}

class RootsTest : public ::testing::Test {
 protected:
  PeerPath& reach(std::size_t root, int latency, Duration silence = {}) {
    Peer& peer = *topology.add(sim::identity(root), kNow);
    peer.last_receive = kNow - silence;
    PeerPath& entry = topology.learn_path(
        peer, PathKey(1, {IpAddress::v4(0x09000000 + static_cast<std::uint32_t>(root)), 1}), kNow);
    entry.path->latency_ms = latency;
    return entry;
  }
  Address best() const {
    const Peer* peer = roots.best(const_cast<Topology&>(topology), kNow);
    return peer == nullptr ? Address() : peer->address();
  }

  const Identity own = sim::identity(5);
  Topology topology{own};
  const World planet = sim::planet_of({{sim::identity(0), {at("9.0.0.1/1"), at("9.0.0.2/2")}},
                                       {sim::identity(1), {at("9.0.1.1/1")}},
                                       {sim::identity(2), {}}});
  Roots roots{own.address(), planet, {}};
};

TEST_F(RootsTest, a_root_may_only_be_where_it_is_listed) {
  EXPECT_TRUE(roots.permits(sim::identity(0).address(), IpAddress::v4(0x09000002)));
  EXPECT_FALSE(roots.permits(sim::identity(0).address(), IpAddress::v4(0x09000003)));
  EXPECT_TRUE(roots.permits(sim::identity(2).address(), IpAddress::v4(0x09000003)));  // anywhere
  EXPECT_TRUE(roots.permits(sim::identity(7).address(), IpAddress::v4(0x09000003)));  // no root
}

TEST_F(RootsTest, the_best_one_is_near_and_was_heard_lately) {
  EXPECT_EQ(best(), Address());
  reach(0, 50);
  EXPECT_EQ(best(), sim::identity(0).address());
  reach(1, 20);
  EXPECT_EQ(best(), sim::identity(1).address());
  topology.find(sim::identity(1).address())->last_receive = kNow - Duration{130'000};
  EXPECT_EQ(best(), sim::identity(0).address());  // 20 ms three times is more than 50 ms
  topology.find(sim::identity(0).address())->last_receive = kNow - kPeerTimeout;
  EXPECT_EQ(best(), sim::identity(1).address());
}

TEST_F(RootsTest, one_that_leaves_questions_unanswered_is_passed_over) {
  reach(0, 10);
  reach(1, 200);
  Peer& first = *topology.find(sim::identity(0).address());
  first.asked(kNow - kAnswerTime + Duration{1});
  EXPECT_EQ(best(), first.address());
  first.asked(kNow - kAnswerTime);
  EXPECT_EQ(best(), sim::identity(1).address());
}

TEST_F(RootsTest, we_are_not_in_our_own_list) {
  const Roots of_root(sim::identity(0).address(), planet, {});
  EXPECT_TRUE(of_root.contains_self());
  EXPECT_EQ(of_root.all().size(), 2U);
  EXPECT_FALSE(roots.contains_self());
}

TEST_F(RootsTest, a_lab_is_recognised_by_its_planet) {
  EXPECT_FALSE(roots.on_loopback());
  const World lab = sim::planet_of({{sim::identity(0), {at("127.0.0.1/9993")}}});
  EXPECT_TRUE(Roots(own.address(), lab, {}).on_loopback());
  EXPECT_TRUE(Roots(sim::identity(0).address(), lab, {}).on_loopback());  // the root itself
  // A moon, which others may talk us into, opens nothing.
  const World lunar = moon(7, 1, {{sim::identity(0), {at("127.0.0.1/9993")}}});
  EXPECT_FALSE(Roots(own.address(), planet, {lunar}).on_loopback());
}

TEST_F(RootsTest, a_newer_planet_counts_only_from_a_root_and_signed) {
  World newer = planet;
  newer.timestamp += 1;
  newer.roots.pop_back();
  newer.sign(sim::identity(0));
  EXPECT_FALSE(roots.offer(newer, sim::identity(7).address()));
  World forged = newer;
  forged.sign(sim::identity(3));
  EXPECT_FALSE(roots.offer(forged, sim::identity(1).address()));
  EXPECT_TRUE(roots.offer(newer, sim::identity(1).address()));
  EXPECT_EQ(roots.all().size(), 2U);
  EXPECT_FALSE(roots.offer(planet, sim::identity(1).address()));  // older
}

TEST_F(RootsTest, a_wanted_moon_is_taken_from_its_seed_and_announced) {
  const Address seed = sim::identity(20).address();
  const World offered = moon(42, 1000, {{sim::identity(20), {at("9.0.2.1/1")}}});
  EXPECT_FALSE(roots.offer(offered, seed));
  EXPECT_FALSE(roots.may_offer_worlds(seed));
  roots.want_moon(42, seed);
  EXPECT_TRUE(roots.may_offer_worlds(seed));
  EXPECT_THAT(roots.moon_revisions(), ::testing::ElementsAre(WorldRevision{127, 42, 0}));
  EXPECT_TRUE(roots.offer(offered, seed));
  EXPECT_THAT(roots.moon_revisions(), ::testing::ElementsAre(WorldRevision{127, 42, 1000}));
  EXPECT_TRUE(roots.contains(seed));
  roots.drop_moon(42);
  EXPECT_FALSE(roots.contains(seed));
  EXPECT_THAT(roots.moon_revisions(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace ztshim::vl1
