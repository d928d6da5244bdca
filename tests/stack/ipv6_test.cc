// IPv6 on the wire: neighbours, prefixes of every length, addresses that come and go.
#include "tests/stack/six_world.h"

namespace ztshim::stack {
namespace {

using Ipv6 = SixWorld;

TEST_F(Ipv6, NeighbourIsAskedForAndTheConnectionEstablished) {
  establish(at("[fd00:1::2]:80"));
  EXPECT_EQ(partner.arp_asked_for, std::vector<IpAddress>{ip("fd00:1::2")});
  EXPECT_EQ(syn.from.ip, ip("fd00:1::1"));
  EXPECT_EQ(syn.to, at("[fd00:1::2]:80"));
  // An MTU of 2800 less 40 for IPv6 and 20 for TCP.
  ASSERT_GE(syn.options.size(), 4U);
  EXPECT_EQ(syn.options[2] << 8 | syn.options[3], 2740);
}

TEST_F(Ipv6, DataCrossesInBothDirections) {
  establish(at("[fd00:1::2]:80"));
  pcb.write(as_bytes("ping"));
  pcb.push();
  turn();
  EXPECT_EQ(as_text(last().payload), "ping");
  partner.send(
      stack, kOurMac,
      {peer, syn.from, 5001, syn.sequence + 5, Segment::Ack, 2048, {}, to_bytes(as_bytes("pong"))});
  EXPECT_EQ(notes.text(), "pong");
}

TEST_F(Ipv6, AddressesNeedNoWaitingAndAskNobody) {
  config.addresses.push_back(*IpPrefix::parse("fd00:2::1/64"));
  configure();
  EXPECT_TRUE(stack.is_own(ip("fd00:2::1")));
  // No duplicate detection, no router is asked for anything (vl2: addresses are the controller's).
  pass(Duration{5'000});
  for (const Frame& frame : partner.seen) {
    if (frame.ether_type != Partner::kIpv6) continue;
    EXPECT_EQ(frame.payload[40], 136) << "only unsolicited advertisements may leave";
  }
}

TEST_F(Ipv6, NetworkOfIpv4AddressesHasALinkLocalOneAllTheSame) {
  InterfaceConfig other = config;
  other.mac = 0x02'00'00'00'00'77;
  other.addresses = {*IpPrefix::parse("10.9.0.1/24")};
  other.routes.clear();
  stack.set_interface(InterfaceId{78}, other);
  const auto hop = stack.route_on(InterfaceId{78}, ip("ff02::1"));
  ASSERT_TRUE(hop.has_value());
  EXPECT_EQ(hop->source, ip("fe80::ff:fe00:77"));
}

TEST_F(Ipv6, MemberAnywhereInAWidePrefixIsOnTheLink) {
  // 6PLANE: the network is a /40, every member has a /80 of its own in it.
  config.addresses = {*IpPrefix::parse("fc11:2233:4455:6677:8899::1/40")};
  configure();
  forget();
  partner.also_answers_for[ip("fc11:2233:44aa:bbcc:ddee::1")] = 0x02'00'00'00'00'33;
  begin(at("[fc11:2233:44aa:bbcc:ddee::1]:80"));
  EXPECT_EQ(partner.arp_asked_for, std::vector<IpAddress>{ip("fc11:2233:44aa:bbcc:ddee::1")});
  ASSERT_FALSE(partner.seen.empty());
  EXPECT_EQ(partner.seen.back().destination, 0x02'00'00'00'00'33U);
}

TEST_F(Ipv6, NarrowPrefixLeavesTheRestOfItsSixtyFourToTheRoutes) {
  // lwIP by itself takes the whole /64 of a static address for its link.
  config.addresses = {*IpPrefix::parse("fd00:1::1:1/112")};
  config.routes = {{*IpPrefix::parse("fd00:1::/64"), ip("fd00:1::1:fe"), {}}};
  configure();
  forget();
  partner.also_answers_for[ip("fd00:1::1:fe")] = 0x02'00'00'00'fe'fe;
  EXPECT_EQ(stack.route(ip("fd00:1::1:2"))->next_hop, ip("fd00:1::1:2"));
  EXPECT_EQ(stack.route(ip("fd00:1::2:2"))->next_hop, ip("fd00:1::1:fe"));
  begin(at("[fd00:1::2:2]:80"));
  EXPECT_EQ(partner.arp_asked_for, std::vector<IpAddress>{ip("fd00:1::1:fe")});
  EXPECT_EQ(partner.seen.back().destination, 0x02'00'00'00'fe'feU);
}

TEST_F(Ipv6, SourceIsTheAddressMostLikeTheDestination) {
  config.addresses = {*IpPrefix::parse("fd00:1::1/64"), *IpPrefix::parse("fd00:2::1/64"),
                      *IpPrefix::parse("2001:db8::1/64")};
  config.routes = {{*IpPrefix::parse("::/0"), ip("fd00:1::fe"), {}}};
  configure();
  EXPECT_EQ(stack.route(ip("fd00:2::7"))->source, ip("fd00:2::1"));
  EXPECT_EQ(stack.route(ip("fd00:1::7"))->source, ip("fd00:1::1"));
  // RFC 6724: what counts is the destination, not the router on the way.
  EXPECT_EQ(stack.route(ip("2001:db8:5::1"))->source, ip("2001:db8::1"));
  EXPECT_EQ(stack.route(ip("2001:db8:5::1"))->next_hop, ip("fd00:1::fe"));
}

TEST_F(Ipv6, RouteMayNameItsSource) {
  config.addresses = {*IpPrefix::parse("fd00:1::1/64"), *IpPrefix::parse("fd00:2::1/64")};
  config.routes = {{*IpPrefix::parse("fd00:9::/64"), ip("fd00:1::fe"), ip("fd00:2::1")},
                   {*IpPrefix::parse("fd00:8::/64"), ip("fd00:1::fe"), ip("fd00:77::1")}};
  configure();
  EXPECT_EQ(stack.route(ip("fd00:9::1"))->source, ip("fd00:2::1"));
  EXPECT_TRUE(stack.is_own(stack.route(ip("fd00:8::1"))->source))
      << "one that is not ours is no source";
}

TEST_F(Ipv6, SixteenAddressesAreTaken) {
  config.addresses.clear();
  for (int i = 1; i <= 16; ++i) {
    config.addresses.push_back(*IpPrefix::parse("fd00:" + std::to_string(i) + "::1/64"));
  }
  configure();
  forget();
  partner.send_ping(stack, kOurMac, ip("fd00:16::1"), as_bytes("hello"));
  turn();
  // Answered: the asker is on no link of ours, so there is a route only for the answer's source.
  config.addresses.push_back(*IpPrefix::parse("fd00:1::1/64"));
  configure();
  EXPECT_TRUE(stack.is_own(ip("fd00:16::1")));
  EXPECT_EQ(stack.route(ip("fd00:16::9"))->source, ip("fd00:16::1"));
}

TEST_F(Ipv6, AddressThatGoesTakesItsConnectionsAlong) {
  establish(at("[fd00:1::2]:80"));
  config.addresses = {*IpPrefix::parse("fd00:1::9/64")};
  configure();
  EXPECT_EQ(notes.ending, Ending::AddressGone);
  EXPECT_FALSE(stack.is_own(ip("fd00:1::1")));
}

TEST_F(Ipv6, NeighbourIsKnownOnceItAnswered) {
  const auto hop = stack.route(partner.ip);
  ASSERT_TRUE(hop.has_value());
  EXPECT_FALSE(stack.is_neighbour_known(*hop));
  begin(at("[fd00:1::2]:80"));
  EXPECT_TRUE(stack.is_neighbour_known(*hop));
}

TEST_F(Ipv6, RouterAdvertisementsChangeNothing) {
  // A router that would like to be the default one.
  Bytes advertisement{134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0};
  partner.send_packet(stack, kOurMac,
                      ip_packet(ip("fe80::99"), ip("ff02::1"), 58, advertisement, 255));
  turn();
  EXPECT_FALSE(stack.route(ip("2001:db8::1")).has_value());
}

TEST_F(Ipv6, LinkLocalDestinationsBelongToNoNetworkByThemselves) {
  EXPECT_FALSE(stack.route(ip("fe80::1")).has_value());
}

}  // namespace
}  // namespace ztshim::stack
