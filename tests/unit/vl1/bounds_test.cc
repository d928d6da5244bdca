// What strangers can make a node hold, do and send: each bound of docs/vl1-conformance.md.
#include <gmock/gmock.h>

#include "service/vl1/topology.h"
#include "service/wire/fragment.h"
#include "service/wire/messages/whois.h"
#include "tests/unit/vl1/vl1_fixture.h"

namespace ztshim::vl1 {
namespace {

class BoundsTest : public Vl1Test {
 protected:
  // Somebody anywhere.
  Endpoint anywhere() {
    return {IpAddress::v4(0x09000000U + static_cast<std::uint32_t>(random.below(1U << 24))),
            static_cast<std::uint16_t>(1 + random.below(60'000))};
  }
  Bytes fragment(PacketId packet, unsigned total, unsigned number, std::size_t size) const {
    Bytes bytes;
    Writer writer(bytes);
    FragmentHeader{packet, own.address(), static_cast<std::uint8_t>(total),
                   static_cast<std::uint8_t>(number), 0}
        .write(writer);
    bytes.resize(bytes.size() + size);
    return bytes;
  }
  void from_anywhere(Bytes datagram) { node->on_datagram(now, {1, anywhere()}, datagram, out); }
};

TEST_F(BoundsTest, packets_of_made_up_senders_wait_in_a_queue_of_32) {
  for (int i = 0; i < 2000; ++i) {
    Bytes packet = bob.packet(Verb::Nop, Bytes(1400));
    random.fill(MutableBytes(packet).subspan(14, 4));  // the source
    from_anywhere(packet);
    out.clear();
    EXPECT_LE(node->sizes().waiting_in, kQueueLength);
    EXPECT_LE(node->sizes().lookups, kLookupsForStrangers);
  }
  pass(kQueueTime);
  node->on_deadline(now, out);
  EXPECT_EQ(node->sizes().waiting_in, 0U);
  EXPECT_EQ(node->sizes().lookups, 0U);
}

TEST_F(BoundsTest, our_own_packets_to_nowhere_wait_in_a_queue_of_32) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    node->send(now, Address(0x0100000000 + i), Verb::Frame, Bytes(1000), {}, {}, out);
    EXPECT_LE(node->sizes().waiting_out, kQueueLength);
    EXPECT_LE(node->sizes().lookups, kLookups);
  }
  EXPECT_EQ(node->counters().queue_overflow, 1000 - kQueueLength);
}

TEST_F(BoundsTest, incomplete_packets_are_64_and_16_of_one_source) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    Bytes piece = fragment(PacketId(i), 7, 6, 1400);
    node->on_datagram(now, {1, bob.place}, piece, out);
    EXPECT_LE(node->sizes().incomplete, kIncompletePerSource);
  }
  for (std::uint64_t i = 0; i < 1000; ++i) {
    from_anywhere(fragment(PacketId(random.number()), 7, 6, 1400));
    EXPECT_LE(node->sizes().incomplete, kIncompletePackets);
  }
  EXPECT_EQ(node->sizes().incomplete, kIncompletePackets);
}

TEST_F(BoundsTest, the_surface_is_128_reports) {
  meet_bob();
  for (int i = 0; i < 500; ++i) {
    const auto greeting = bob.hello(now.wall_ms, bob.place);
    from_anywhere(greeting);
    out.clear();
    EXPECT_LE(node->sizes().surface, kSurfaceEntries);
  }
  EXPECT_EQ(node->sizes().surface, kSurfaceEntries);
}

TEST_F(BoundsTest, a_peer_has_64_paths_and_the_longest_silent_one_gives_way) {
  meet_bob();
  const Endpoint first = bob.place;
  for (unsigned n = 1; n < 100; ++n) {
    pass(kConfirmPath);
    bob.place = {IpAddress::v4(0x09640000U + n), 9993};
    out.clear();
    receive(bob, bob.packet(Verb::Nop, {}));
    answer_greetings(bob);
    EXPECT_LE(paths_to(bob).size(), kMaxPaths);
  }
  const auto paths = paths_to(bob);
  EXPECT_EQ(paths.size(), kMaxPaths);
  EXPECT_THAT(paths, ::testing::Contains("1>" + bob.place.protocol_text()));
  EXPECT_THAT(paths, ::testing::Not(::testing::Contains("1>" + first.protocol_text())));
  EXPECT_EQ(node->sizes().paths, kMaxPaths + 1);  // and the root's
}

TEST_F(BoundsTest, deadlines_do_not_pile_up_however_a_peer_behaves) {
  meet_bob();
  for (unsigned n = 1; n < 2000; ++n) {
    pass(kConfirmPath);
    bob.place = {IpAddress::v4(0x09640000U + n), 9993};
    out.clear();
    receive(bob, bob.packet(Verb::Frame, {}));
    answer_greetings(bob);
    if (node->next_deadline() <= now.time) node->on_deadline(now, out);
    EXPECT_LE(node->sizes().deadlines,
              kDeadlinesPerPeer * node->sizes().peers + kSpareDeadlines + 1);
  }
}

TEST_F(BoundsTest, strangers_are_validated_one_per_network_and_two_seconds) {
  std::size_t admitted = 0;
  for (std::size_t n = 0; n < 8; ++n) {
    Correspondent stranger(20 + n, own);
    stranger.place = {IpAddress::v4(0x09505000U + static_cast<std::uint32_t>(n)), 9993};
    receive(stranger, stranger.hello(now.wall_ms, stranger.place));
    admitted += node->identity_of(stranger.identity.address()) != nullptr ? 1U : 0U;
  }
  EXPECT_EQ(admitted, 1U);
  EXPECT_EQ(node->counters().rate_limited, 7U);
  pass(kValidateGate);
  Correspondent stranger(28, own);
  stranger.place = {IpAddress::v4(0x095050feU), 9993};
  receive(stranger, stranger.hello(now.wall_ms, stranger.place));
  EXPECT_NE(node->identity_of(stranger.identity.address()), nullptr);
}

TEST_F(BoundsTest, who_does_not_come_back_is_forgotten) {
  Correspondent stranger(20, own);
  receive(stranger, stranger.hello(now.wall_ms, stranger.place));
  const std::size_t known = node->sizes().peers;
  const Time end = now.time + kPeerTimeout + Duration{1000};
  while (now.time < end) {
    now.time = std::min(end, std::max(now.time + Duration{1}, node->next_deadline()));
    node->on_deadline(now, out);
    out.clear();
  }
  EXPECT_EQ(node->identity_of(stranger.identity.address()), nullptr);
  EXPECT_LT(node->sizes().peers, known);
}

TEST(TopologyBounds, a_full_table_takes_no_stranger_and_keeps_those_it_has) {
  const Identity own = sim::identity(0);
  Topology topology(own, 3);
  for (std::size_t n = 1; n <= 3; ++n) EXPECT_NE(topology.add(sim::identity(n), Time{}), nullptr);
  EXPECT_EQ(topology.add(sim::identity(4), Time{}), nullptr);
  EXPECT_NE(topology.add(sim::identity(2), Time{}), nullptr);
  topology.forget(sim::identity(2).address());
  EXPECT_NE(topology.add(sim::identity(4), Time{}), nullptr);
}

TEST(PeerArchiveBounds, the_first_record_is_forgotten_first) {
  PeerArchive archive;
  CachedPeer record{sim::identity(1), 12, {1, 14, 1}, {}};
  archive.put(record);
  for (std::size_t n = 0; n < kArchivedPeers; ++n) {
    // Records are told apart by their address alone.
    archive.put(CachedPeer{sim::identity(100 + n), 12, {1, 14, 1}, {}});
  }
  EXPECT_EQ(archive.size(), kArchivedPeers);
  EXPECT_FALSE(archive.take(sim::identity(1).address()));
  EXPECT_TRUE(archive.take(sim::identity(100).address()));
  EXPECT_EQ(archive.size(), kArchivedPeers - 1);
}

// What one datagram of a stranger can make us send.
TEST_F(BoundsTest, nothing_unauthenticated_is_answered_but_a_validated_hello) {
  for (int i = 0; i < 3000; ++i) {
    Bytes noise(random.below(1500));
    random.fill(noise);
    if (noise.size() > 18 && i % 2 == 0) {
      Bytes to;
      Writer writer(to);
      own.address().write(writer);
      std::copy(to.begin(), to.end(), noise.begin() + 8);
    }
    from_anywhere(noise);
  }
  // Questions to the root, about made-up senders, are all there is.
  for (const auto& d : out.datagrams()) EXPECT_EQ(d.remote, root.place);
  EXPECT_LE(out.datagrams().size(), kLookupsForStrangers);
}

TEST_F(BoundsTest, an_answer_to_whois_fits_into_one_datagram_whatever_is_asked) {
  meet_bob();
  Whois question;
  for (int i = 0; i < 250; ++i) question.addresses.push_back(root.identity.address());
  Bytes payload;
  Writer writer(payload);
  question.write(writer);
  receive(bob, bob.packet(Verb::Whois, payload));
  ASSERT_EQ(out.datagrams().size(), 1U);
  EXPECT_LE(out.datagrams()[0].size, kUdpPayload);
}

}  // namespace
}  // namespace ztshim::vl1
