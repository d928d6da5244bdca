// Same seed, same trace: everything the simulator knows, at once, twice.
#include <gtest/gtest.h>

#include "tests/sim/conversation.h"

namespace ztshim::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Nat::Kind;

struct Outcome {
  std::uint64_t digest = 0;
  std::size_t datagrams = 0;
  std::uint64_t wake_ups = 0;
  std::vector<std::string> heard;
  std::string text;
  bool operator==(const Outcome&) const = default;
};

Outcome everything_at_once(std::uint64_t seed) {
  SimWorld world(seed, 2, SimWorld::Families::Both);
  Nat& carrier = world.add_box(Kind::PortRestricted);
  carrier.set_hairpin(true);
  Nat& home = world.add_box(Kind::Masquerade, &carrier);
  SimNode& alice =
      world.add_behind("alice", home, {{IpAddress::v4(0x0a000001), 9993}, address6_of(60)});
  SimNode& bob = world.add_behind("bob", world.add_box(Kind::Symmetric));
  SimNode& carol = world.add_joined("carol");
  carol.host().link = {milliseconds(20), milliseconds(40), 0.2, 0.1};
  bob.host().link_in = Link{milliseconds(30), milliseconds(5), 0.1};
  Conversation one(world.net, alice, bob), two(world.net, alice, carol),
      three(world.net, bob, carol);
  const auto all_talk = [&](int times) {
    for (int i = 0; i < times; ++i) {
      one.talk(1, milliseconds(70));
      two.talk(1, milliseconds(90));
      three.talk(1, milliseconds(340));
    }
  };
  all_talk(60);
  world.net.renumber(carrier, address_of(150).ip);
  all_talk(30);
  world.root(0).stop();
  world.net.suspend(carol.host(), seconds(20), SimNetwork::Clock::Stops);
  world.net.run_for(seconds(21));
  carol.resume();
  all_talk(30);
  carol.move({address_of(70), address6_of(70)});
  world.net.set_wall_clock(alice.host(), -seconds(5000));
  world.net.cut_one_way(alice.host(), carol.host());
  all_talk(30);
  world.root(0).start();
  all_talk(30);
  Outcome outcome{world.net.trace().digest(),
                  world.net.trace().datagrams(),
                  world.net.wake_ups(),
                  {},
                  world.net.trace_text()};
  for (const SimNode* node : {&alice, &bob, &carol}) {
    for (const std::string& text : node->texts()) outcome.heard.push_back(text);
  }
  return outcome;
}

TEST(Repeat, whatever_happens_happens_again_under_the_same_seed) {
  const Outcome first = everything_at_once(901);
  EXPECT_GT(first.heard.size(), 600U) << first.text;
  const Outcome second = everything_at_once(901);
  EXPECT_EQ(first.text, second.text);
  EXPECT_TRUE(first == second);
  const Outcome other = everything_at_once(902);
  EXPECT_NE(first.digest, other.digest);
}

}  // namespace
}  // namespace ztshim::sim
