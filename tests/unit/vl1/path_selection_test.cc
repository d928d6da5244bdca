#include "service/vl1/path_selection.h"

#include <gtest/gtest.h>

#include "service/vl1/topology.h"
#include "tests/sim/identities.h"

namespace ztshim::vl1 {
namespace {

constexpr Time kNow{Duration{1'000'000}};

Endpoint at(const char* text) { return *Endpoint::parse(text); }

class PathSelection : public ::testing::Test {
 protected:
  PeerPath& path(const char* remote, int latency, Duration silent_for = {}) {
    PeerPath& entry = topology.learn_path(*peer, PathKey(1, at(remote)), kNow);
    entry.path->latency_ms = latency;
    entry.path->last_receive = kNow - silent_for;
    entry.last_authentic = kNow - silent_for;
    return entry;
  }
  std::string best(Expired expired = Expired::Refuse) {
    const PeerPath* chosen = best_path(*peer, kNow, expired);
    return chosen == nullptr ? "none" : chosen->path->key.remote.protocol_text();
  }

  const Identity own = sim::identity(0);
  Topology topology{own};
  Peer* peer = topology.add(sim::identity(1), kNow);
};

TEST_F(PathSelection, without_paths_there_is_none) { EXPECT_EQ(best(), "none"); }

TEST_F(PathSelection, the_faster_of_two_alike_is_taken) {
  path("9.0.0.1/1", 30);
  path("9.0.0.2/1", 20);
  path("9.0.0.3/1", 40);
  EXPECT_EQ(best(), "9.0.0.2/1");
}

TEST_F(PathSelection, of_equals_the_last) {
  path("9.0.0.1/1", 30);
  path("9.0.0.2/1", 30);
  EXPECT_EQ(best(), "9.0.0.2/1");
}

TEST_F(PathSelection, private_addresses_win_until_four_times_slower) {
  path("9.0.0.1/1", 10);
  PeerPath& near = path("10.0.0.1/1", 39);
  EXPECT_EQ(best(), "10.0.0.1/1");
  near.path->latency_ms = 41;
  EXPECT_EQ(best(), "9.0.0.1/1");
}

TEST_F(PathSelection, a_silent_path_falls_behind_a_live_one) {
  path("10.0.0.1/1", 1, kPathAlive);
  path("9.0.0.1/1", 500);
  EXPECT_EQ(best(), "9.0.0.1/1");
}

TEST_F(PathSelection, an_unmeasured_path_falls_behind_a_measured_one) {
  path("9.0.0.1/1", -1);
  path("9.0.0.2/1", 900);
  EXPECT_EQ(best(), "9.0.0.2/1");
}

TEST_F(PathSelection, an_expired_path_is_taken_only_when_asked_for) {
  path("9.0.0.1/1", 10, kPathExpiry);
  EXPECT_EQ(best(), "none");
  EXPECT_EQ(best(Expired::Accept), "9.0.0.1/1");
  topology.drop_expired_paths(*peer, kNow);
  EXPECT_EQ(best(Expired::Accept), "none");
  EXPECT_EQ(topology.find_path(PathKey(1, at("9.0.0.1/1"))), nullptr);
}

TEST_F(PathSelection, a_path_takes_the_place_of_its_silent_twin) {
  path("9.0.0.1/1000", 10, kPathAlive);
  path("9.0.0.2/1000", 10, kPathAlive);
  path("9.0.0.1/2000", 10);
  EXPECT_EQ(peer->paths.size(), 2U);
  EXPECT_EQ(best(), "9.0.0.1/2000");
}

TEST_F(PathSelection, when_all_slots_are_taken_the_longest_silent_path_gives_way) {
  for (std::uint32_t i = 0; i < kMaxPaths; ++i) {
    const Endpoint remote{IpAddress::v4(0x09000000 + i), 1};
    topology.learn_path(*peer, PathKey(1, remote), kNow - Duration{1000 - 10 * i});
  }
  path("9.1.0.0/1", 10);
  EXPECT_EQ(peer->paths.size(), kMaxPaths);
  EXPECT_EQ(topology.find_path(PathKey(1, at("9.0.0.0/1"))), nullptr);
  EXPECT_NE(topology.find_path(PathKey(1, at("9.0.0.1/1"))), nullptr);
}

TEST_F(PathSelection, a_path_lives_as_long_as_one_peer_uses_it) {
  Peer* other = topology.add(sim::identity(2), kNow);
  const PathKey key(1, at("9.0.0.1/1"));
  topology.learn_path(*peer, key, kNow);
  topology.learn_path(*other, key, kNow);
  topology.forget(peer->address());
  EXPECT_NE(topology.find_path(key), nullptr);
  topology.forget(other->address());
  EXPECT_EQ(topology.find_path(key), nullptr);
}

TEST_F(PathSelection, an_address_keeps_its_first_identity_and_is_never_our_own) {
  EXPECT_EQ(topology.add(sim::identity(1), kNow), peer);
  // The 64 identities of the file are followed by the same keys under other addresses.
  const Identity keys = sim::identity(3);
  const auto impostor = Identity::parse(peer->address().text() + keys.secret_text().substr(10));
  ASSERT_TRUE(impostor);
  EXPECT_EQ(topology.add(*impostor, kNow), nullptr);
  EXPECT_EQ(topology.find(peer->address()), peer);
  EXPECT_EQ(topology.add(own, kNow), nullptr);
}

struct Physical {
  const char* ip;
  bool usable;
  bool usable_in_lab;
};

TEST(PhysicalAddresses, are_those_that_can_be_part_of_the_internet) {
  const Physical table[] = {
      {"10.0.0.1", true, true},    {"8.8.8.8", true, true},       {"25.1.1.1", true, true},
      {"100.64.0.1", true, true},  {"127.0.0.1", false, true},    {"169.254.1.1", false, false},
      {"224.0.0.1", false, false}, {"0.0.0.0", false, false},     {"255.255.255.255", false, false},
      {"2001:db8::1", true, true}, {"2001:470::1", false, false}, {"2001:471::1", true, true},
      {"fe80::1", false, true},    {"fe80::2", false, false},     {"::1", false, true},
      {"fd00::1", true, true},     {"ff02::1", false, false},
  };
  for (const Physical& row : table) {
    EXPECT_EQ(is_physical(*IpAddress::parse(row.ip), false), row.usable) << row.ip;
    EXPECT_EQ(is_physical(*IpAddress::parse(row.ip), true), row.usable_in_lab) << row.ip;
  }
}

TEST(Introduction, names_paths_of_the_nearest_scope_that_both_have) {
  const Identity own = sim::identity(0);
  Topology topology(own);
  Peer& a = *topology.add(sim::identity(1), kNow);
  Peer& b = *topology.add(sim::identity(2), kNow);
  const auto learn = [&](Peer& peer, const char* remote) {
    topology.learn_path(peer, PathKey(1, at(remote)), kNow);
  };
  const auto chosen = [&] {
    const auto paths = paths_to_introduce(a, b, kNow);
    if (!paths) return std::string("none");
    return paths->first->key.remote.text() + " " + paths->second->key.remote.text();
  };
  EXPECT_EQ(chosen(), "none");
  learn(a, "10.0.0.1/1");
  learn(b, "9.0.0.2/2");
  EXPECT_EQ(chosen(), "none");  // no scope in common
  learn(a, "9.0.0.1/1");
  EXPECT_EQ(chosen(), "9.0.0.1:1 9.0.0.2:2");
  learn(a, "[2001:db8::a]:1");
  learn(b, "[2001:db8::b]:2");
  EXPECT_EQ(chosen(), "[2001:db8::a]:1 [2001:db8::b]:2");  // IPv6 first
  learn(b, "192.168.1.1/3");
  EXPECT_EQ(chosen(), "10.0.0.1:1 192.168.1.1:3");
}

}  // namespace
}  // namespace ztshim::vl1
