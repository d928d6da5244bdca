#include "service/host/port_plan.h"

#include <gtest/gtest.h>

#include "tests/unit/host/world_of_roots.h"

namespace ztshim::host {
namespace {

LocalAddress at(const char* ip, const char* interface, bool temporary = false) {
  return {*IpAddress::parse(ip), interface, temporary};
}
std::vector<std::string> texts(const std::vector<UdpBinding>& bindings) {
  std::vector<std::string> list;
  for (const UdpBinding& binding : bindings) {
    list.push_back(binding.local.text() +
                   (binding.interface.empty() ? "" : "%" + binding.interface));
  }
  return list;
}
using Texts = std::vector<std::string>;

const Surroundings kInternet{false, true};

TEST(PortPlan, EveryAddressIsBoundOnEveryPort) {
  const std::vector<LocalAddress> own{at("10.0.0.5", "eth0"), at("2001:db8::5", "eth0")};
  EXPECT_EQ(texts(plan_bindings(own, {}, {9993, 20001, 20002}, kInternet)),
            (Texts{"10.0.0.5:9993%eth0", "[2001:db8::5]:9993%eth0", "10.0.0.5:20001%eth0",
                   "[2001:db8::5]:20001%eth0", "10.0.0.5:20002%eth0", "[2001:db8::5]:20002%eth0"}));
}

struct Excluded {
  const char* name;
  LocalAddress address;
};
class PortPlanExcludes : public testing::TestWithParam<Excluded> {};

TEST_P(PortPlanExcludes, Addresses) {
  const std::vector<LocalAddress> own{GetParam().address, at("192.168.1.5", "eth0")};
  PhysicalSettings settings;
  settings.excluded_interfaces = {"docker", "br-"};
  settings.excluded_networks = {*IpPrefix::parse("172.20.0.0/16")};
  EXPECT_EQ(texts(plan_bindings(own, settings, {9993, 0, 0}, kInternet)),
            (Texts{"192.168.1.5:9993%eth0"}));
}

INSTANTIATE_TEST_SUITE_P(
    All, PortPlanExcludes,
    testing::Values(Excluded{"Loopback", at("127.0.0.1", "lo")},
                    Excluded{"LinkLocal", at("fe80::1", "eth0")},
                    Excluded{"AutomaticV4", at("169.254.1.1", "eth0")},
                    Excluded{"Temporary", at("2001:db8::77", "eth0", true)},
                    Excluded{"GenuineNodesInterface", at("10.147.17.1", "ztabcdef01")},
                    Excluded{"Tun", at("10.8.0.1", "tun0")},
                    Excluded{"Tap", at("10.9.0.1", "tap3")},
                    Excluded{"AddressOnLoopbackDevice", at("10.1.1.1", "lo")},
                    Excluded{"NamedByTheOperator", at("172.17.0.1", "docker0")},
                    Excluded{"InABlacklistedNetwork", at("172.20.3.4", "eth1")}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(PortPlan, WhereTheKernelDoesNotTellWildcardsAreBound) {
  EXPECT_EQ(texts(plan_bindings(std::nullopt, {}, {9993, 0, 0}, kInternet)),
            (Texts{"0.0.0.0:9993", "[::]:9993"}));
}

TEST(PortPlan, ExplicitAddressesTakeThePlaceOfTheMachines) {
  PhysicalSettings settings;
  settings.bind = {{*IpAddress::parse("192.168.1.5"), 0}, {*IpAddress::parse("192.168.1.6"), 7000}};
  const std::vector<LocalAddress> own{at("192.168.1.5", "eth0"), at("10.0.0.1", "eth1")};
  const auto plan = plan_bindings(own, settings, {9993, 20001, 0}, kInternet);
  EXPECT_EQ(texts(plan),
            (Texts{"192.168.1.5:9993%eth0", "192.168.1.6:7000", "192.168.1.5:20001%eth0"}));
  EXPECT_TRUE(plan[0].required);
  EXPECT_FALSE(plan[2].required);
}

TEST(PortPlan, ALabOnLoopbackUsesNothingElse) {
  const std::vector<LocalAddress> own{at("10.0.0.5", "eth0")};
  const auto around = Surroundings::of(world_of_roots({{*Endpoint::parse("127.0.0.1/9993")}}));
  EXPECT_EQ(texts(plan_bindings(own, {}, {9993, 20001, 20002}, around)),
            (Texts{"127.0.0.1:9993", "[::1]:9993"}));
}

TEST(PortPlan, RootsOnLoopbackAndElsewhereNeedBoth) {
  const std::vector<LocalAddress> own{at("10.0.0.5", "eth0")};
  const auto around = Surroundings::of(
      world_of_roots({{*Endpoint::parse("127.0.0.1/9993")}, {*Endpoint::parse("192.0.2.1/9993")}}));
  EXPECT_EQ(texts(plan_bindings(own, {}, {9993, 0, 0}, around)),
            (Texts{"10.0.0.5:9993%eth0", "127.0.0.1:9993", "[::1]:9993"}));
}

TEST(PortPlan, RootsWithoutAddressesMayBeAnywhere) {
  EXPECT_EQ(Surroundings::of(world_of_roots({{}})), kInternet);
  EXPECT_EQ(Surroundings::of(std::nullopt), kInternet);
}

TEST(PortPlan, TheLimitCostsTheLesserPorts) {
  std::vector<LocalAddress> own;
  for (int i = 0; i < 200; ++i) own.push_back(at(("10.1.0." + std::to_string(i)).c_str(), "eth0"));
  const auto plan = plan_bindings(own, {}, {9993, 20001, 20002}, kInternet);
  ASSERT_EQ(plan.size(), kMaxBindings);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(plan[i].local.port, 9993);
  EXPECT_EQ(plan.back().local.port, 20001);
}

TEST(LocalAddresses, AreThoseOfTheKernel) {
  const auto own = local_addresses();
  ASSERT_TRUE(own);
  const auto loopback = std::find_if(own->begin(), own->end(), [](const LocalAddress& address) {
    return address.ip == *IpAddress::parse("127.0.0.1");
  });
  ASSERT_NE(loopback, own->end());
  EXPECT_EQ(loopback->interface, "lo");
}

}  // namespace
}  // namespace ztshim::host
