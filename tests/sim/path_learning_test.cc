// What a stranger on the network can and cannot make a node believe about paths.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "service/wire/packet.h"
#include "tests/sim/sim_node.h"

namespace ztshim::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<Endpoint> paths_to(const SimNode& of, const SimNode& peer) {
  std::vector<Endpoint> all;
  for (const vl1::PeerInfo& info : of.vl1().peers(of.now().time)) {
    if (info.address != peer.address()) continue;
    for (const vl1::PathInfo& path : info.paths) all.push_back(path.remote);
  }
  return all;
}

// Alice and Bob with a direct path, and the datagrams that went from Alice to Bob.
class PathLearning : public ::testing::Test {
 protected:
  PathLearning() : alice(world.add_joined("alice")), bob(world.add_joined("bob")) {
    world.net.set_filter([this](const Endpoint& from, const Endpoint& to, ByteView bytes) {
      if (from == alice.endpoint() && to == bob.endpoint()) overheard.push_back(to_bytes(bytes));
      if (to == stranger) answers.push_back(to_bytes(bytes));
      return true;
    });
    alice.send(bob, "hello");
    bob.send(alice, "hello");
    world.net.run_for(seconds(1));
  }

  std::vector<Endpoint> paths_of_bob_to_alice() const { return paths_to(bob, alice); }
  Bytes overheard_hello() const {
    for (const Bytes& bytes : overheard) {
      const auto header = PacketHeader::read(bytes);
      if (header && header->suite() == Suite::Poly1305None && header->verb() == Verb::Hello) {
        return bytes;
      }
    }
    ADD_FAILURE() << "no HELLO from alice to bob\n" << world.net.trace_text();
    return {};
  }

  SimWorld world{51};
  SimNode& alice;
  SimNode& bob;
  const Endpoint stranger{IpAddress::v4(0x09c80101), 4444};
  std::vector<Bytes> overheard;
  std::vector<Bytes> answers;
};

TEST_F(PathLearning, begins_with_one_direct_path) {
  EXPECT_THAT(paths_of_bob_to_alice(), ::testing::ElementsAre(alice.endpoint()));
}

// A restarted node speaks from a new port while its old one still counts as alive at its peers.
// They used to go on sending to the old port for 19 s, and a client started twice in a row got no
// answer.
TEST_F(PathLearning, a_node_that_comes_back_on_another_port_is_reached_there_at_once) {
  const Endpoint elsewhere{alice.endpoint().ip,
                           static_cast<std::uint16_t>(alice.endpoint().port + 1)};
  alice.stop();
  world.net.move(alice.host(), {elsewhere});
  alice.start();
  world.net.run_for(milliseconds(500));
  alice.send(bob, "back again");
  world.net.run_for(milliseconds(500));
  bob.send(alice, "welcome back");
  world.net.run_for(milliseconds(500));
  EXPECT_THAT(alice.texts(), ::testing::Contains("welcome back")) << world.net.trace_text();
  EXPECT_THAT(paths_of_bob_to_alice(), ::testing::ElementsAre(elsewhere)) << world.net.trace_text();
}

TEST_F(PathLearning, a_replayed_hello_is_answered_but_does_not_move_the_path) {
  const Bytes hello = overheard_hello();
  world.net.inject(stranger, bob.endpoint(), hello);
  world.net.run_for(seconds(3));
  EXPECT_THAT(paths_of_bob_to_alice(), ::testing::ElementsAre(alice.endpoint()))
      << world.net.trace_text();
  EXPECT_EQ(answers.size(), 2U) << world.net.trace_text();  // OK, and a HELLO to see who is there
  bob.send(alice, "still to alice");
  world.net.run_for(seconds(1));
  EXPECT_THAT(alice.texts(), ::testing::Contains("still to alice"));
}

TEST_F(PathLearning, replays_are_confirmed_once_a_second_at_most) {
  ASSERT_FALSE(overheard.empty());
  for (int i = 0; i < 40; ++i) {
    world.net.inject(stranger, bob.endpoint(), overheard.back(), milliseconds(100 * i));
  }
  world.net.run_for(seconds(5));
  EXPECT_LE(answers.size(), 4U) << world.net.trace_text();
  EXPECT_GE(answers.size(), 1U);
}

TEST_F(PathLearning, a_relayed_packet_does_not_make_the_relay_a_path) {
  Bytes hello = overheard_hello();
  add_hop(hello);
  world.net.inject(stranger, bob.endpoint(), hello);
  world.net.run_for(seconds(3));
  EXPECT_THAT(paths_of_bob_to_alice(), ::testing::ElementsAre(alice.endpoint()));
  EXPECT_EQ(answers.size(), 1U) << world.net.trace_text();  // OK alone, on the way it came
}

TEST_F(PathLearning, an_old_ok_from_elsewhere_is_ignored) {
  world.net.run_for(seconds(61));  // past the time in which answers are expected
  const auto unexpected = bob.vl1().counters().unexpected_ok;
  const std::vector<Bytes> replayed = overheard;
  for (const Bytes& bytes : replayed) world.net.inject(stranger, bob.endpoint(), bytes);
  world.net.run_for(Duration{30});
  EXPECT_THAT(paths_of_bob_to_alice(), ::testing::ElementsAre(alice.endpoint()))
      << world.net.trace_text();
  EXPECT_GT(bob.vl1().counters().unexpected_ok, unexpected);
}

TEST_F(PathLearning, a_root_is_believed_only_where_the_planet_lists_it) {
  std::vector<Bytes> from_root;
  const Endpoint root = world.root().endpoint();
  // A transparent forwarder between Bob and the root's new place: every test of ours gets through.
  world.net.set_filter([&](const Endpoint& from, const Endpoint& to, ByteView bytes) {
    if (from == root && to == bob.endpoint()) {
      world.net.inject(stranger, to, bytes, Duration{20});
      return false;
    }
    if (from == bob.endpoint() && to == stranger) {
      world.net.inject(from, root, bytes, Duration{20});
      return false;
    }
    return true;
  });
  world.net.run_for(seconds(300));
  for (const vl1::PeerInfo& peer : bob.vl1().peers(world.net.now().time)) {
    if (peer.address != world.root().address()) continue;
    for (const vl1::PathInfo& path : peer.paths) {
      EXPECT_EQ(path.remote.ip, root.ip) << world.net.trace_text();
    }
  }
}

TEST_F(PathLearning, a_node_that_moves_is_found_at_its_new_place) {
  const Endpoint moved = address_of(200);
  world.net.move(alice.host(), {moved});
  alice.changed_sockets();
  world.net.run_for(seconds(1));
  alice.send(bob, "from elsewhere");
  world.net.run_for(seconds(2));
  EXPECT_THAT(bob.texts(), ::testing::Contains("from elsewhere")) << world.net.trace_text();
  EXPECT_THAT(paths_of_bob_to_alice(), ::testing::Contains(moved)) << world.net.trace_text();
  bob.send(alice, "welcome");
  EXPECT_TRUE(world.net.run_until(
      [&] {
        const auto texts = alice.texts();
        return std::find(texts.begin(), texts.end(), "welcome") != texts.end();
      },
      seconds(1)))
      << world.net.trace_text();
}

TEST_F(PathLearning, garbage_is_counted_and_changes_nothing) {
  SeededRandom random(52);
  const Bytes hello = overheard_hello();
  world.net.run_for(seconds(3));  // nothing of its own is under way any more
  const auto before = bob.vl1().counters();
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes(random.below(200));
    random.fill(bytes);
    if (bytes.size() > 18 && i % 2 == 0) {  // half of them get past the addresses
      std::copy(hello.begin(), hello.begin() + 18, bytes.begin());
    }
    world.net.inject(stranger, bob.endpoint(), bytes, Duration{i});
  }
  world.net.run_for(seconds(3));
  const auto& after = bob.vl1().counters();
  EXPECT_EQ(after.packets_opened, before.packets_opened);
  EXPECT_GT(after.not_authentic, before.not_authentic);
  EXPECT_GT(after.malformed, before.malformed);
  EXPECT_THAT(answers, ::testing::IsEmpty());
  alice.send(bob, "all is well");
  world.net.run_for(seconds(1));
  EXPECT_THAT(bob.texts(), ::testing::Contains("all is well"));
}

// Genuine nodes have two ports, and keep up a path from each: their packets come from both for
// good. Every one from the port that is not our path used to be taken for a restart, at the price
// of two packets and their answers each time.
TEST(TwoPorts, of_a_peer_are_told_from_a_restart_once_and_for_all) {
  SimWorld world{52};
  SimNode::Settings settings;
  const IpAddress home = IpAddress::v4(0x09050501);
  settings.sockets = {{home, 9993}, {home, 31573}};
  SimNode& alice = world.add_node("alice", settings);
  alice.start();
  world.net.run_for(seconds(3));
  SimNode& bob = world.add_joined("bob");
  std::map<std::uint16_t, unsigned> from_port;
  unsigned greetings = 0;
  std::map<std::uint16_t, unsigned> probes_to_port;
  world.net.set_filter([&](const Endpoint& from, const Endpoint& to, ByteView bytes) {
    const auto header = PacketHeader::read(bytes);
    if (from.ip == home && to == bob.endpoint()) ++from_port[from.port];
    const bool is_echo = bytes.size() == kPacketHeaderSize;
    if (from == bob.endpoint() && to.ip == home && is_echo) ++probes_to_port[to.port];
    if (from == bob.endpoint() && to.ip == home && header &&
        header->suite() == Suite::Poly1305None && header->verb() == Verb::Hello) {
      ++greetings;
    }
    return true;
  });
  alice.send(bob, "hello");
  bob.send(alice, "hello");
  world.net.run_for(seconds(30));
  ASSERT_EQ(bob.path_to(alice), Via::Direct);
  const std::uint16_t other_port = paths_to(bob, alice).at(0).port == 9993 ? 31573 : 9993;
  from_port.clear();
  greetings = 0;
  probes_to_port.clear();
  world.net.run_for(seconds(300));
  ASSERT_GE(from_port[9993], 15U) << world.net.trace_text();
  ASSERT_GE(from_port[31573], 15U) << world.net.trace_text();
  EXPECT_LE(greetings, 6U) << "more than one a minute";
  // Alice announces both ports every two minutes, but the other one could not become a path.
  EXPECT_EQ(probes_to_port[other_port], 0U) << world.net.trace_text();
}

// Three ports at one address make three paths to the same place. One kept open is enough, as long
// as it works; and when it does not, the others are there.
class ThreePorts : public ::testing::Test {
 protected:
  ThreePorts() : alice(world.add_node("alice", with_three_ports())), bob(world.add_joined("bob")) {
    world.net.set_filter([this](const Endpoint& from, const Endpoint& to, ByteView bytes) {
      if (from == blocked || to == blocked) return false;
      if (from.ip == home && to == bob.endpoint() && bytes.size() == kPacketHeaderSize) ++echoes;
      if (from.ip == home && to == bob.endpoint()) last_port = from.port;
      return true;
    });
    alice.start();
    world.net.run_for(seconds(5));
    alice.send(bob, "hello");
    bob.send(alice, "hello");
    world.net.run_for(seconds(20));
  }
  static SimNode::Settings with_three_ports() {
    SimNode::Settings settings;
    settings.sockets = {{home, 9993}, {home, 31573}, {home, 41000}};
    return settings;
  }

  static inline const IpAddress home = IpAddress::v4(0x09050601);
  Endpoint blocked;
  unsigned echoes = 0;
  std::uint16_t last_port = 0;
  SimWorld world{53};
  SimNode& alice;
  SimNode& bob;
};

TEST_F(ThreePorts, cost_no_more_to_keep_than_one) {
  ASSERT_EQ(paths_to(alice, bob).size(), 3U) << world.net.trace_text();
  echoes = 0;
  world.net.run_for(seconds(420));
  EXPECT_EQ(alice.path_to(bob), Via::Direct);
  EXPECT_LE(echoes, 420U / 14) << world.net.trace_text();
  EXPECT_GE(echoes, 20U) << "the one mapping stays open";
}

TEST_F(ThreePorts, take_over_from_one_another) {
  world.net.run_for(seconds(100));
  alice.send(bob, "by the first");
  world.net.run_for(seconds(1));
  ASSERT_THAT(bob.texts(), ::testing::Contains("by the first"));
  blocked = {home, last_port};
  for (int i = 0; i < 10; ++i) {
    alice.send(bob, "by another " + std::to_string(i));
    world.net.run_for(seconds(1));
  }
  EXPECT_THAT(bob.texts(), ::testing::Contains("by another 9")) << world.net.trace_text();
  EXPECT_NE(last_port, blocked.port);
}

}  // namespace
}  // namespace ztshim::sim
