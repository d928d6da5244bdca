#include "service/vl1/physical_rules.h"

#include <gtest/gtest.h>

#include "service/vl1/constants.h"

namespace ztshim::vl1 {
namespace {

IpPrefix net(const char* text) { return *IpPrefix::parse(text); }
IpAddress ip(const char* text) { return *IpAddress::parse(text); }
const Address kBob(0x1122334455);
const Address kCarol(0x1122334456);

TEST(PhysicalRules, without_any_everything_is_as_usual) {
  const PhysicalRules rules{Settings{}};
  EXPECT_TRUE(rules.permits(kBob, ip("10.0.0.1")));
  EXPECT_EQ(rules.mtu_for(ip("10.0.0.1")), kUdpPayload);
  EXPECT_EQ(rules.trusted_path_to(ip("10.0.0.1")), 0U);
  EXPECT_EQ(rules.hints_for(kBob), nullptr);
  EXPECT_FALSE(rules.low_bandwidth());
}

TEST(PhysicalRules, a_blacklisted_network_is_closed_for_all_and_a_peers_for_that_peer) {
  Settings settings;
  settings.physical = {{net("10.1.0.0/16"), true}};
  settings.peers[kBob].blacklist = {net("192.168.0.0/16"), net("fd00::/8")};
  const PhysicalRules rules(settings);
  EXPECT_FALSE(rules.permits(ip("10.1.2.3")));
  EXPECT_TRUE(rules.permits(ip("10.2.2.3")));
  EXPECT_FALSE(rules.permits(kBob, ip("10.1.2.3")));
  EXPECT_FALSE(rules.permits(kBob, ip("192.168.2.3")));
  EXPECT_FALSE(rules.permits(kBob, ip("fd00::1")));
  EXPECT_TRUE(rules.permits(kCarol, ip("192.168.2.3")));
}

TEST(PhysicalRules, of_networks_within_each_other_the_widest_counts) {
  Settings settings;
  settings.physical = {{net("10.1.0.0/16"), false, 0, 1400}, {net("10.0.0.0/8"), false, 0, 1450}};
  EXPECT_EQ(PhysicalRules(settings).mtu_for(ip("10.1.2.3")), 1450U);
}

TEST(PhysicalRules, sizes_are_brought_within_what_may_be_set) {
  Settings settings;
  settings.physical = {{net("10.1.0.0/16"), false, 0, 500},
                       {net("10.2.0.0/16"), false, 0, 60'000},
                       {net("10.3.0.0/16"), false, 0, 0}};
  const PhysicalRules rules(settings);
  EXPECT_EQ(rules.mtu_for(ip("10.1.0.1")), kSmallestMtu);
  EXPECT_EQ(rules.mtu_for(ip("10.2.0.1")), kLargestMtu);
  EXPECT_EQ(rules.mtu_for(ip("10.3.0.1")), kUdpPayload);
}

TEST(PhysicalRules, a_trusted_path_needs_its_number_and_its_network) {
  Settings settings;
  settings.physical = {{net("10.1.0.0/16"), false, 77}, {net("10.2.0.0/16")}};
  const PhysicalRules rules(settings);
  EXPECT_EQ(rules.trusted_path_to(ip("10.1.0.1")), 77U);
  EXPECT_EQ(rules.trusted_path_to(ip("10.2.0.1")), 0U);
  EXPECT_TRUE(rules.trusts(77, ip("10.1.0.1")));
  EXPECT_FALSE(rules.trusts(78, ip("10.1.0.1")));
  EXPECT_FALSE(rules.trusts(77, ip("10.2.0.1")));
  EXPECT_FALSE(rules.trusts(0, ip("10.2.0.1")));  // 0 is the absence of a number
}

TEST(PhysicalRules, no_more_than_32_networks_are_used) {
  Settings settings;
  for (unsigned n = 0; n < 40; ++n) {
    const IpAddress network = IpAddress::v4(0x0a000000U + (n << 16));
    settings.physical.push_back({{network, 16}, true});
  }
  const PhysicalRules rules(settings);
  EXPECT_FALSE(rules.permits(ip("10.31.0.1")));
  EXPECT_TRUE(rules.permits(ip("10.32.0.1")));
}

}  // namespace
}  // namespace ztshim::vl1
