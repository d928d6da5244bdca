// Between members who know each other a frame costs no memory: neither on its way out nor on its
// way in.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/unit/node/overlay_world.h"

namespace {
std::size_t allocations = 0;
}

// Counts for the whole program; the test looks at differences.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ztshim::testing {
namespace {

TEST(SteadyState, of_unicast_frames_allocates_nothing) {
  OverlayWorld world(51);
  const NetworkId network = world.make_network(0x0077, true);
  OverlayNode& alice = world.add_started("alice");
  OverlayNode& bob = world.add_started("bob");
  for (OverlayNode* node : {&alice, &bob}) {
    world.controller->change_member(network, node->address(), R"({"authorized":true})");
    node->join(network);
    ASSERT_TRUE(world.wait_for([&] { return static_cast<bool>(node->ip(network)); }));
  }
  alice.say(network, bob, "hello");
  world.net.run_for(seconds(3));
  bob.say(network, alice, "hello");
  world.net.run_for(seconds(3));
  ASSERT_TRUE(alice.node().vl1().is_reachable(world.net.now().time, bob.address()));

  const Now now = world.net.now();
  const Bytes payload = udp_packet(alice.ip(network), bob.ip(network), 7, std::string(1000, 'x'));
  Outbox sent;
  Outbox received;
  std::size_t out_cost = 0;
  std::size_t in_cost = 0;
  constexpr int kWarmUp = 100;
  for (int i = 0; i < 1000; ++i) {
    if (i == kWarmUp) out_cost = in_cost = 0;
    sent.clear();
    std::size_t before = allocations;
    alice.node().on_frame(now, network, bob.mac(network), alice.mac(network), 0x0800, payload,
                          sent);
    out_cost += allocations - before;
    ASSERT_EQ(sent.datagrams().size(), 1U);
    Bytes datagram = to_bytes(sent.bytes_of(sent.datagrams()[0]));
    received.clear();
    before = allocations;
    bob.node().on_datagram(now, {1, alice.host().sockets[0]}, datagram, received);
    in_cost += allocations - before;
    ASSERT_EQ(received.frames().size(), 1U);
  }
  EXPECT_EQ(out_cost, 0U);
  EXPECT_EQ(in_cost, 0U);
}

}  // namespace
}  // namespace ztshim::testing
