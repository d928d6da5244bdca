// fragment.json, the deliveries: what a node makes of datagrams in and out of order, repeated or
// missing.
#include "service/crypto/hash.h"
#include "service/vl1/defragment.h"
#include "service/vl1/peer_cache.h"
#include "tests/vectors/vl1_case.h"

namespace ztshim::vectors {
namespace {

VECTOR_SUITE(FragmentDelivery, "fragment.json", "cases");

// All orders that the case lists, with the number of messages that come out.
std::vector<std::pair<std::vector<std::size_t>, std::uint64_t>> deliveries(const Json& data) {
  std::vector<std::pair<std::vector<std::size_t>, std::uint64_t>> all;
  for (const char* list : {"delivery_in_order", "other_deliveries_of_equal_messages"}) {
    if (!data.contains(list)) continue;
    for (const Json& delivery : data.at(list)) {
      // What comes out is right, and nothing comes out otherwise.
      EXPECT_EQ(delivery.at("content_right").get<bool>(),
                delivery.at("messages_delivered").get<std::uint64_t>() > 0);
      all.emplace_back(delivery.at("order").get<std::vector<std::size_t>>(),
                       delivery.at("messages_delivered").get<std::uint64_t>());
    }
  }
  return all;
}

TEST_P(FragmentDelivery, opens_what_the_reference_opens) {
  const Arrival from{1, {IpAddress::v4(0x09000001), 9993}};
  for (const auto& [order, delivered] : deliveries(data())) {
    sim::SeededRandom random(1);
    sim::TextLayer upper;
    vl1::Config config;
    config.identity = identity(data().at("receiver_secret"));
    config.cached_peers = {
        vl1::CachedPeer{identity(data().at("sender_secret")), 12, {}, {}}.bytes()};
    vl1::Vl1 node(std::move(config), random, upper);
    Outbox out;
    node.start({Time{}, 0}, out);
    for (const std::size_t i : order) {
      Bytes datagram = hex_bytes(data().at("datagrams").at(i).at("datagram"));
      node.on_datagram({Time{}, 0}, from, datagram, out);
    }
    EXPECT_EQ(node.counters().packets_opened, delivered) << ::testing::PrintToString(order);
    EXPECT_EQ(node.counters().not_authentic, 0U);
  }
}

TEST_P(FragmentDelivery, whole_packets_come_out_as_they_went_in) {
  const Arrival from{1, {IpAddress::v4(0x09000001), 9993}};
  for (const auto& [order, delivered] : deliveries(data())) {
    if (delivered == 0 || data().at("datagrams").size() == 1) continue;
    vl1::Defragmenter defragmenter;
    unsigned whole = 0;
    for (const std::size_t i : order) {
      const Bytes datagram = hex_bytes(data().at("datagrams").at(i).at("datagram"));
      const auto packet = i == 0 ? defragmenter.add_head(Time{}, from, datagram)
                                 : defragmenter.add_fragment(Time{}, from, datagram);
      if (!packet) continue;
      ++whole;
      EXPECT_EQ(to_hex(sha512(*packet)), text("whole_packet_sha512"));
    }
    EXPECT_EQ(whole, delivered);
  }
}

}  // namespace
}  // namespace ztshim::vectors
