#include "service/vl2/neighbours.h"

#include <gtest/gtest.h>

#include "common/writer.h"
#include "service/wire/managed_ip.h"

namespace ztshim::vl2 {
namespace {

const NetworkId kNetwork(0x8056c2e21c000001);
const Address kOwn(0x89e92ceee5);
const Address kOther(0x205a3384be);

NetworkConfig config_with(const IpPrefix& own) {
  NetworkConfig config;
  config.network = kNetwork;
  config.issued_to = kOwn;
  config.flags = NetworkConfig::kFlagNdpEmulation;
  config.managed_addresses = {own};
  return config;
}

Bytes solicitation(const IpAddress& target) {
  Bytes packet;
  Writer out(packet);
  out.be(std::uint32_t{0x60000000})
      .be(std::uint16_t{24})
      .be(std::uint8_t{58})
      .be(std::uint8_t{255});
  out.zeroes(32).be(std::uint32_t{0x87000000}).be(std::uint32_t{0}).bytes(target.bytes());
  return packet;
}

EthernetFrame multicast(const Bytes& packet) {
  return {MacAddress(0x3333ff000001), MacAddress::of_member(kOwn, kNetwork), kEtherIpv6, packet};
}

// RFC 4443: the sum over pseudo header and message, checksum included, is all ones.
std::uint32_t checksum_over(ByteView packet) {
  std::uint32_t sum = static_cast<std::uint32_t>(packet.size() - 40) + 58;
  for (std::size_t i = 8; i < packet.size(); i += 2) sum += be16_at(packet, i);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

class Plans : public ::testing::TestWithParam<bool> {
 protected:
  static IpPrefix plan(Address member) {
    return GetParam() ? six_plane_address(kNetwork, member) : rfc4193_address(kNetwork, member);
  }
};
INSTANTIATE_TEST_SUITE_P(, Plans, ::testing::Bool(),
                         [](const auto& c) { return c.param ? "six_plane" : "rfc4193"; });

TEST_P(Plans, answer_for_the_member_an_address_names) {
  const NetworkConfig config = config_with(plan(kOwn));
  const Bytes packet = solicitation(plan(kOther).ip);
  EmulatedAdvertisement answer;
  ASSERT_TRUE(emulate_neighbour(config, kOwn, multicast(packet), answer));
  const MacAddress mac = MacAddress::of_member(kOther, kNetwork);
  EXPECT_EQ(answer.frame.source, mac);
  EXPECT_EQ(answer.frame.destination, MacAddress::of_member(kOwn, kNetwork));
  const ByteView p = answer.frame.payload;
  ASSERT_EQ(p.size(), 72U);
  EXPECT_EQ(to_hex(p.first(8)), "6000000000203aff");
  EXPECT_EQ(IpAddress::v6(p.subspan(8, 16)), plan(kOther).ip);
  EXPECT_EQ(IpAddress::v6(p.subspan(24, 16)), plan(kOwn).ip);
  EXPECT_EQ(p[40], kNeighborAdvertisement);
  EXPECT_EQ(to_hex(p.subspan(44, 4)), "60000000");
  EXPECT_EQ(IpAddress::v6(p.subspan(48, 16)), plan(kOther).ip);
  EXPECT_EQ(to_hex(p.subspan(64, 2)), "0201");
  EXPECT_EQ(to_hex(p.subspan(66, 6)), to_hex(mac.number(), 12));
  EXPECT_EQ(checksum_over(p), 0xffffU);
}

TEST_P(Plans, do_not_answer_for_ourselves_or_for_other_networks) {
  const NetworkConfig config = config_with(plan(kOwn));
  EmulatedAdvertisement answer;
  const Bytes own = solicitation(plan(kOwn).ip);
  EXPECT_FALSE(emulate_neighbour(config, kOwn, multicast(own), answer));
  const Bytes foreign = solicitation(IpAddress::parse("fd00::1").value());
  EXPECT_FALSE(emulate_neighbour(config, kOwn, multicast(foreign), answer));
}

TEST_P(Plans, count_only_where_the_network_wants_them_and_for_solicitations) {
  NetworkConfig config = config_with(plan(kOwn));
  EmulatedAdvertisement answer;
  Bytes packet = solicitation(plan(kOther).ip);
  EthernetFrame unicast = multicast(packet);
  unicast.destination = MacAddress(0x020000000001);
  EXPECT_FALSE(emulate_neighbour(config, kOwn, unicast, answer));
  packet[40] = kNeighborAdvertisement;
  EXPECT_FALSE(emulate_neighbour(config, kOwn, multicast(packet), answer));
  packet[40] = kNeighborSolicitation;
  const Bytes cut(packet.begin(), packet.end() - 1);
  EXPECT_FALSE(emulate_neighbour(config, kOwn, multicast(cut), answer));
  config.flags = 0;
  EXPECT_FALSE(emulate_neighbour(config, kOwn, multicast(packet), answer));
}

TEST(ArpGroups, carry_the_wanted_address) {
  Bytes packet = from_hex(
                     "0001080006040001020000000001"
                     "0a931101"
                     "000000000000"
                     "0a931105")
                     .value();
  const EthernetFrame frame{MacAddress::broadcast(), MacAddress(1), kEtherArp, packet};
  EXPECT_EQ(arp_request_group(frame), (MulticastGroup{MacAddress::broadcast(), 0x0a931105}));
}

TEST(ArpGroups, are_for_requests_alone) {
  Bytes packet = from_hex(
                     "0001080006040002020000000001"
                     "0a931101"
                     "000000000000"
                     "0a931105")
                     .value();
  const auto group = [&] {
    return arp_request_group({MacAddress::broadcast(), MacAddress(1), kEtherArp, packet});
  };
  EXPECT_FALSE(group());  // a gratuitous reply is plain broadcast
  packet[7] = 1;
  EXPECT_TRUE(group());
  packet[5] = 16;
  EXPECT_FALSE(group());
  packet[5] = 4;
  packet.resize(27);
  EXPECT_FALSE(group());
}

}  // namespace
}  // namespace ztshim::vl2
