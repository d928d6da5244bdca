// Several networks at once: whose packets leave where.
#include "tests/stack/six_world.h"

namespace ztshim::stack {
namespace {

class SeveralNetworks : public SixWorld {
 protected:
  static constexpr InterfaceId kOther{8};
  static constexpr std::uint64_t kOtherMac = 0x02'99'99'99'99'99;

  SeveralNetworks() : SixWorld("10.1.0.2") {
    other.name = "zt1";
    other.mac = kOtherMac;
    other.addresses = {*IpPrefix::parse("10.2.0.1/16"), *IpPrefix::parse("10.2.128.1/17"),
                       *IpPrefix::parse("fd00:2::1/48")};
    stack.set_interface(kOther, other);
    forget();
  }
  InterfaceConfig other;
};

TEST_F(SeveralNetworks, EachHasItsOwnDestinations) {
  EXPECT_EQ(stack.route(ip("10.1.0.9"))->interface, kNet);
  EXPECT_EQ(stack.route(ip("10.2.0.9"))->interface, kOther);
  EXPECT_EQ(stack.route(ip("fd00:1::9"))->interface, kNet);
  EXPECT_EQ(stack.route(ip("fd00:2:0:9::9"))->interface, kOther);
  EXPECT_FALSE(stack.route(ip("10.3.0.9")).has_value());
}

TEST_F(SeveralNetworks, SourceIsTheAddressOfTheDestinationsSubnet) {
  EXPECT_EQ(stack.route(ip("10.2.0.9"))->source, ip("10.2.0.1"));
  EXPECT_EQ(stack.route(ip("10.2.200.9"))->source, ip("10.2.128.1"));
}

TEST_F(SeveralNetworks, LongestPrefixWinsOverAllNetworks) {
  config.routes = {{*IpPrefix::parse("172.16.0.0/12"), ip("10.1.0.254"), {}},
                   {*IpPrefix::parse("0.0.0.0/0"), ip("10.1.0.253"), {}}};
  configure();
  other.routes = {{*IpPrefix::parse("172.16.5.0/24"), ip("10.2.0.254"), {}}};
  stack.set_interface(kOther, other);
  EXPECT_EQ(stack.route(ip("172.16.4.1"))->next_hop, ip("10.1.0.254"));
  EXPECT_EQ(stack.route(ip("172.16.5.1"))->next_hop, ip("10.2.0.254"));
  EXPECT_EQ(stack.route(ip("172.16.5.1"))->source, ip("10.2.0.1"));
  EXPECT_EQ(stack.route(ip("8.8.8.8"))->next_hop, ip("10.1.0.253"));
  EXPECT_EQ(stack.route(ip("8.8.8.8"))->source, ip("10.1.0.1"));
  EXPECT_FALSE(stack.route(ip("2001:db8::1")).has_value()) << "the default is IPv4's alone";
}

TEST_F(SeveralNetworks, RouteWithoutAnAddressOfItsFamilyIsNoWay) {
  config.addresses = {*IpPrefix::parse("10.1.0.1/24")};
  config.routes = {{*IpPrefix::parse("fd00:9::/64"), {}, {}}};
  configure();
  EXPECT_FALSE(stack.route(ip("fd00:9::1")).has_value());
}

TEST_F(SeveralNetworks, ConnectionsStayOnTheNetworkOfTheirAddress) {
  // The same range on both: the interface of the bound address decides.
  config.routes = {{*IpPrefix::parse("172.16.0.0/12"), ip("10.1.0.254"), {}}};
  configure();
  other.routes = config.routes;
  other.routes[0].via = ip("10.2.0.254");
  stack.set_interface(kOther, other);
  partner.also_answers_for[ip("10.1.0.254")] = 0x02'00'00'00'fe'fe;
  forget();
  pcb = Pcb::create(Pcb::Kind::V4);
  pcb.listen_to(notes);
  ASSERT_TRUE(pcb.bind(ip("10.1.0.1"), 0, false).has_value());
  ASSERT_TRUE(pcb.connect(ip("10.1.0.1"), at("172.16.9.9:80")).has_value());
  turn();
  EXPECT_EQ(partner.arp_asked_for, std::vector<IpAddress>{ip("10.1.0.254")});
}

TEST_F(SeveralNetworks, NetworkThatGoesTakesItsConnectionsAndLeavesTheOthers) {
  establish(at("10.1.0.2:80"));
  stack.remove_interface(kOther);
  EXPECT_FALSE(notes.ending.has_value());
  EXPECT_FALSE(stack.route(ip("10.2.0.9")).has_value());
  stack.remove_interface(kNet);
  EXPECT_EQ(notes.ending, Ending::AddressGone);
}

TEST_F(SeveralNetworks, PacketsOfOneAreNotTakenFromAnother) {
  stack.input(kOther, kOtherMac, kPartnerMac, Partner::kIp,
              ip_packet(ip("10.2.0.9"), ip("10.1.0.1"), 1, Bytes{8, 0, 0xf7, 0xfd, 0, 1, 0, 1}));
  turn();
  EXPECT_TRUE(partner.seen.empty());
}

}  // namespace
}  // namespace ztshim::stack
