// What strangers can make a node do: how many bytes it sends for theirs, how much it remembers, and
// that those it knows notice nothing. Notes: vl1-behaviour 4.2, 4.3, 10.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/wire/fragment.h"
#include "service/wire/packet.h"
#include "tests/sim/conversation.h"
#include "tests/sim/memory_count.h"

namespace ztshim::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Everything a stranger can fill, as core constants bound it: 64 incomplete packets of 10 KB, 32
// packets that wait for an identity, gates of 256 KB and a few of 16 KB, 64 lookups, rounded up.
constexpr std::size_t kRoomForStrangers = 1536 * 1024;

class Strangers : public ::testing::Test {
 protected:
  Strangers() {
    conversation.talk_until_direct(seconds(5));
    conversation.talk(10, milliseconds(100));
    world.net.trace().keep(200);
    world.net.add_observer([this](const Host& sender, const Endpoint& to, ByteView bytes) {
      if (&sender != &bob.host()) return;
      if (to.ip.bytes()[0] == 8) {
        to_strangers += bytes.size();
      } else if (to == world.root().endpoint()) {
        to_root += bytes.size();
      }
    });
  }
  // Anywhere in 8/8, which nobody has.
  Endpoint somewhere() {
    return {IpAddress::v4(0x08000000U | static_cast<std::uint32_t>(random.below(1U << 24))),
            static_cast<std::uint16_t>(1024 + random.below(60'000))};
  }
  Bytes noise(std::size_t size) {
    Bytes bytes(size);
    random.fill(bytes);
    return bytes;
  }
  // A packet for Bob under an address nobody has.
  Bytes from_nobody(std::size_t size) {
    Bytes packet = noise(size);
    const Address source(0x2000000000ULL + random.below(1ULL << 32));
    write_packet_header(packet, PacketId(random.number()), bob.address(), source, Verb::Frame);
    return packet;
  }
  template <typename Make>
  void flood(std::size_t count, Make make) {
    const std::size_t before = memory_in_use();
    std::size_t most = before;
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes bytes = make();
      from_strangers += bytes.size();
      world.net.inject(somewhere(), bob.endpoint(), bytes);
      if (i % 10 == 9) world.net.run_for(milliseconds(1));
      if (i % 1000 == 999) {
        conversation.talk(1, milliseconds(50));
        most = std::max(most, memory_in_use());
      }
    }
    world.net.run_for(milliseconds(100));
    EXPECT_LE(most - before, kRoomForStrangers);
    EXPECT_EQ(conversation.lost(), 0U) << world.net.trace_text();
    EXPECT_TRUE(conversation.is_direct());
    world.net.run_for(seconds(10));  // QUEUE_TIME and the time for reassembly are over
    conversation.talk(1, milliseconds(50));
    RecordProperty("bytes_in", static_cast<int>(from_strangers));
    RecordProperty("bytes_to_strangers", static_cast<int>(to_strangers));
    RecordProperty("bytes_to_root", static_cast<int>(to_root));
    RecordProperty("memory", static_cast<int>(most - before));
  }

  SimWorld world{1001};
  SimNode& alice = world.add_joined("alice");
  SimNode& bob = world.add_joined("bob");
  Conversation conversation{world.net, alice, bob};
  SeededRandom random{1002};
  std::size_t from_strangers = 0;
  std::size_t to_strangers = 0;
  std::size_t to_root = 0;
};

TEST_F(Strangers, noise_is_answered_by_nothing) {
  flood(100'000, [&] { return noise(random.below(1433)); });
  EXPECT_EQ(to_strangers, 0U) << world.net.trace_text();
  EXPECT_LE(to_root, 2000U) << world.net.trace_text();  // what would be sent anyway
}

TEST_F(Strangers, packets_under_made_up_addresses_are_asked_for_within_bounds) {
  flood(50'000, [&] { return from_nobody(200); });
  EXPECT_EQ(to_strangers, 0U) << world.net.trace_text();
  // 64 lookups at a time, one WHOIS of 33 bytes per 500 ms for each, over the 17 s this takes.
  EXPECT_LE(to_root, 64U * 2 * 17 * 33 + 2000) << world.net.trace_text();
  EXPECT_LT(to_root, from_strangers / 10);
  EXPECT_EQ(bob.vl1().peers(bob.now().time).size(), 2U);
}

TEST_F(Strangers, beginnings_of_large_packets_take_a_bounded_room) {
  flood(50'000, [&] {
    Bytes head = from_nobody(1432);
    set_fragmented(head);
    return head;
  });
  EXPECT_EQ(to_strangers, 0U);
  EXPECT_EQ(to_root / 2000, 0U) << world.net.trace_text();
}

TEST_F(Strangers, pieces_of_large_packets_take_a_bounded_room) {
  flood(50'000, [&] {
    FragmentHeader header;
    header.packet = PacketId(random.number());
    header.destination = bob.address();
    header.total = 5;
    header.number = static_cast<std::uint8_t>(1 + random.below(4));
    Bytes piece;
    Writer writer(piece);
    header.write(writer);
    append(piece, noise(1432 - piece.size()));
    return piece;
  });
  EXPECT_EQ(to_strangers, 0U);
  EXPECT_EQ(to_root / 2000, 0U) << world.net.trace_text();
}

TEST_F(Strangers, greetings_of_made_up_identities_are_answered_by_nothing) {
  // Each from a network of its own, so every gate is open; none is authentic.
  flood(3'000, [&] {
    Bytes hello = noise(137);
    const Address source(0x2000000000ULL + random.below(1ULL << 32));
    write_packet_header(hello, PacketId(random.number()), bob.address(), source, Verb::Hello);
    hello[kPacketHeaderSize] = 12;
    return hello;
  });
  EXPECT_EQ(to_strangers, 0U) << world.net.trace_text();
  EXPECT_EQ(bob.vl1().peers(bob.now().time).size(), 2U);
}

// ---- replays: packets of somebody known, from addresses that are not theirs

class Replays : public Strangers {
 protected:
  // The next packet of this kind from Alice to Bob.
  Bytes overhear(const std::string& what) {
    const auto found = std::make_shared<Bytes>();
    world.net.add_observer([=, this](const Host& sender, const Endpoint& to, ByteView bytes) {
      if (!found->empty() || &sender != &alice.host() || to != bob.endpoint()) return;
      const auto packet = world.net.trace().reader().read(bytes);
      if (packet && packet->verb_text() == what) *found = to_bytes(bytes);
    });
    for (int i = 0; i < 130 && found->empty(); ++i) world.net.run_for(seconds(1));
    world.net.run_for(seconds(2));
    EXPECT_FALSE(found->empty()) << what << world.net.trace_text();
    to_strangers = 0;
    return *found;
  }
};

TEST_F(Replays, of_a_greeting_bring_less_than_twice_their_bytes) {
  const Bytes hello = overhear("HELLO");
  flood(2'000, [&] { return hello; });
  EXPECT_LT(to_strangers, 2 * from_strangers);
}

TEST_F(Replays, of_a_small_packet_do_not_bring_many_times_their_bytes) {
  const Bytes echo = overhear("ECHO");
  ASSERT_EQ(echo.size(), 28U);
  flood(2'000, [&] { return echo; });
  EXPECT_LT(to_strangers, 2 * from_strangers);
}

TEST_F(Replays, of_an_outdated_greeting_do_not_bring_worlds_many_times) {
  // Mallory's planet is older than Bob's: her greeting is answered with the newer one.
  World older = world.planet;
  older.timestamp -= 1;
  older.sign(identity(0));
  SimNode::Settings settings;
  settings.sockets = {address_of(95)};
  SimNode& mallory = world.add_node("mallory", settings);
  mallory.set_planet(older);
  mallory.remember(bob.identity(), 12, {bob.endpoint()});
  Bytes hello;
  world.net.add_observer([&](const Host& sender, const Endpoint& to, ByteView bytes) {
    if (hello.empty() && &sender == &mallory.host() && to == bob.endpoint())
      hello = to_bytes(bytes);
  });
  mallory.start();
  world.net.run_for(seconds(5));
  ASSERT_FALSE(hello.empty()) << world.net.trace_text();
  to_strangers = 0;
  flood(2'000, [&] { return hello; });
  EXPECT_LT(to_strangers, 2 * from_strangers);
}

}  // namespace
}  // namespace ztshim::sim
