// Ten thousand nodes behind four roots: all come online, talk in pairs drawn at random, and then
// have nothing to say.
//
// Identities. Validating one takes 10 to 50 ms of real time by design, and making one takes fifteen
// times as long. So most nodes here have the keys of one of the identities of identities.txt under
// an address of their own, and whoever is to talk to them has them in the peer cache of an earlier
// run, without addresses: known identities are not validated again, and everything else about them
// is as with any other. The first sixty nodes are genuine all the way: their root validates them,
// and their pairs find each other by WHOIS.
#include <gtest/gtest.h>

#include <chrono>

#include "tests/sim/memory_count.h"
#include "tests/sim/sim_node.h"

namespace ztshim::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = Nat::Kind;

constexpr std::size_t kNodes = 10'000;
constexpr std::size_t kGenuine = 60;
constexpr unsigned kRoots = 4;

struct Member {
  SimNode* node = nullptr;
  std::optional<Kind> kind;  // of the box in front of it
};

// A third of all nodes are on the internet, the others behind boxes of their own.
std::optional<Kind> kind_of(std::size_t n) {
  constexpr std::array<std::optional<Kind>, 6> kinds{std::nullopt,    Kind::PortRestricted,
                                                     Kind::FullCone,  std::nullopt,
                                                     Kind::Symmetric, Kind::AddressRestricted};
  return kinds.at(n % kinds.size());
}

bool can_meet(std::optional<Kind> a, std::optional<Kind> b) {
  if (a != Kind::Symmetric) std::swap(a, b);
  if (a != Kind::Symmetric) return true;
  return b != Kind::Symmetric && b != Kind::PortRestricted;
}

TEST(TenThousandNodes, behind_four_roots_are_online_find_each_other_and_cost_little) {
  SimWorld world(2001, kRoots);
  world.net.trace().keep(0);
  const std::size_t before = memory_in_use();
  std::vector<Member> members;
  for (std::size_t n = 0; n < kNodes; ++n) {
    const auto kind = kind_of(n);
    const auto number = static_cast<std::uint32_t>(n);
    SimNode::Settings settings;
    // Open ones in 9/8, a /24 each; boxes in 12/8, hosts behind them all 10.0.0.1.
    settings.sockets = {kind ? Endpoint{IpAddress::v4(0x0a000001), 9993}
                             : address_of(100 + number)};
    SimNode& node = world.add_node("node" + std::to_string(n), settings);
    if (kind) {
      const IpAddress outside = IpAddress::v4(0x0c000001U + (number << 8));
      world.net.put_behind(node.host(), &world.net.add_nat(*kind, outside));
    }
    members.push_back({&node, kind});
  }

  // Pairs drawn at random; genuine ones among themselves.
  const auto shuffle = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = to - 1; i > from; --i) {
      std::swap(members[i], members[from + world.net.random().below(i - from + 1)]);
    }
  };
  shuffle(0, kGenuine);
  shuffle(kGenuine, kNodes);
  for (std::size_t n = kGenuine; n < kNodes; ++n) {
    members[n].node->remember(members[n ^ 1].node->identity(), 12, {});
    for (unsigned r = 0; r < kRoots; ++r) {
      world.root(r).remember(members[n].node->identity(), 12, {});
    }
  }
  for (unsigned r = 0; r < kRoots; ++r) world.root(r).restart();
  for (const Member& member : members) {
    member.node->start();
    world.net.run_for(milliseconds(1));
  }
  world.net.run_for(seconds(10));

  // ---- all online, all four roots know everybody
  const Time now = world.net.now().time;
  for (const Member& member : members) {
    ASSERT_TRUE(member.node->vl1().is_online(now)) << member.node->host().name;
    for (unsigned r = 0; r < kRoots; ++r) {
      ASSERT_EQ(world.root(r).path_to(*member.node), Via::Direct) << member.node->host().name;
    }
  }
  const std::size_t memory = (memory_in_use() - before) / kNodes;

  // ---- pairs talk
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t n = 0; n < kNodes; n += 2) {
      members[n].node->send(*members[n + 1].node, "ping");
      members[n + 1].node->send(*members[n].node, "pong");
      if (n % 40 == 0) world.net.run_for(milliseconds(4));
    }
  }
  world.net.run_for(seconds(1));
  std::size_t direct = 0;
  std::size_t heard = 0;
  for (std::size_t n = 0; n < kNodes; ++n) {
    const Member& one = members[n];
    const Member& other = members[n ^ 1];
    const bool met = one.node->path_to(*other.node) == Via::Direct;
    ASSERT_EQ(met, can_meet(one.kind, other.kind)) << one.node->host().name;
    direct += met ? 1 : 0;
    heard += one.node->texts_from(*other.node).size();
  }
  EXPECT_EQ(heard, kNodes * kRounds);
  std::uint64_t relayed = 0;
  for (unsigned r = 0; r < kRoots; ++r) relayed += world.root(r).vl1().counters().relayed;
  // Who cannot meet relays everything; the others a round or two, and what tells addresses.
  EXPECT_LE(relayed, (kNodes - direct) * (kRounds + 3) + direct * 4);

  // ---- and are silent: active for 500 s, and then none of anybody's business
  const auto datagrams_per_node_and_hour = [&](Duration measured) {
    const std::size_t begin = world.net.trace().datagrams();
    world.net.run_for(measured);
    return (world.net.trace().datagrams() - begin) *
           static_cast<std::size_t>(minutes(60) / measured) / kNodes;
  };
  const std::size_t active = datagrams_per_node_and_hour(minutes(2));
  world.net.run_for(minutes(9));
  const std::uint64_t wake_ups = world.net.wake_ups();
  const std::size_t idle = datagrams_per_node_and_hour(minutes(5));
  // Idle: ECHO every 25 s and HELLO to four roots every 224 s, and the answers: 2 x (144 + 64).
  EXPECT_LE(idle, 450U);
  EXPECT_GE(idle, 300U);
  // Active: for each pair a HELLO a minute and ECHOs every 14 s, from either side.
  EXPECT_LE(active, 1500U);
  // A node wakes up for what it sends and to see whether it was answered; roots, to forget.
  EXPECT_LE((world.net.wake_ups() - wake_ups) * 12 / kNodes, 450U);
  for (const Member& member : members) {
    ASSERT_TRUE(member.node->vl1().is_online(world.net.now().time));
  }
  // Sockets, keys, paths and gates of a node, and its four roots; with the simulator's own records.
  EXPECT_LE(memory, 64U * 1024);
  RecordProperty("direct", static_cast<int>(direct));
  RecordProperty("relayed", static_cast<int>(relayed));
  RecordProperty("active_per_node_and_hour", static_cast<int>(active));
  RecordProperty("idle_per_node_and_hour", static_cast<int>(idle));
  RecordProperty("memory_per_node", static_cast<int>(memory));
}

}  // namespace
}  // namespace ztshim::sim
