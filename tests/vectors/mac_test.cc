// mac.json: Ethernet addresses, IPv6 address plans and multicast groups. The configurations of
// networks without controller are VL2's; here only their identifiers and rules are looked at.
#include "service/wire/mac.h"

#include <algorithm>

#include "service/vl2/ad_hoc.h"
#include "service/wire/managed_ip.h"
#include "tests/vectors/network_config_json.h"

namespace ztshim::vectors {
namespace {

MacAddress mac(const Json& text) {
  const auto parsed = MacAddress::parse(text.get<std::string>());
  if (!parsed) throw std::runtime_error("not a MAC: " + text.dump());
  return *parsed;
}

VECTOR_SUITE(MemberMacs, "mac.json", "mac");

TEST_P(MemberMacs, lead_from_the_member_and_back) {
  const auto network = NetworkId::parse(text("nwid"));
  const auto member = Address::parse(text("address"));
  ASSERT_TRUE(network && member);
  EXPECT_EQ(network->text(), text("nwid"));
  const MacAddress derived = MacAddress::of_member(*member, *network);
  EXPECT_EQ(derived.text(), text("mac"));
  EXPECT_EQ(mac(data().at("mac")), derived);
  EXPECT_TRUE(derived.is_member_of(*network));
  EXPECT_EQ(derived.member_of(*network).text(), text("address_from_mac"));
}

TEST_P(MemberMacs, go_with_the_managed_addresses) {
  const auto network = NetworkId::parse(text("nwid"));
  const auto member = Address::parse(text("address"));
  ASSERT_TRUE(network && member);
  const IpPrefix six_plane = six_plane_address(*network, *member);
  const IpPrefix rfc4193 = rfc4193_address(*network, *member);
  EXPECT_EQ(six_plane.text(), text("sixplane"));
  EXPECT_EQ(rfc4193.text(), text("rfc4193"));
  EXPECT_EQ(member_of_six_plane(*network, six_plane.ip), *member);
  EXPECT_EQ(member_of_rfc4193(*network, rfc4193.ip), *member);
  EXPECT_EQ(link_local_address(mac(data().at("mac"))).text(), text("link_local"));
}

VECTOR_SUITE(ResolutionGroups, "mac.json", "address_resolution_groups");

TEST_P(ResolutionGroups, are_derived_from_the_address) {
  const auto ip = IpAddress::parse(text("ip"));
  ASSERT_TRUE(ip);
  const MulticastGroup group = MulticastGroup::for_resolving(*ip);
  EXPECT_EQ(group.mac.text(), text("mac"));
  EXPECT_EQ(group.adi, number("adi"));
  EXPECT_EQ(to_hex(group.adi, 8), text("adi_hex"));
}

VECTOR_SUITE(MacFlags, "mac.json", "flags");

TEST_P(MacFlags, are_read_from_the_first_octet) {
  const MacAddress address = mac(data().at("mac"));
  EXPECT_EQ(address.text(), text("mac"));
  EXPECT_EQ(address.is_multicast(), flag("is_multicast"));
  EXPECT_EQ(address.is_broadcast(), flag("is_broadcast"));
  EXPECT_EQ((address.number() >> 41 & 1) != 0, flag("is_locally_administered"));
}

TEST(GroupOrder, is_by_mac_and_then_by_adi) {
  std::vector<MulticastGroup> groups;
  for (const Json& entry : file("mac.json").at("group_sort_order")) {
    groups.push_back({mac(entry.at("mac")), entry.at("adi").get<std::uint32_t>()});
  }
  ASSERT_GT(groups.size(), 1U);
  EXPECT_TRUE(std::is_sorted(groups.begin(), groups.end()));
}

VECTOR_SUITE(AdHocNetworks, "mac.json", "adhoc_networks");

// What the node asks for and says about such a network, "packets_sent", is the
// network's business; here the configuration that follows from the identifier.
TEST_P(AdHocNetworks, make_up_their_configuration) {
  const auto network = NetworkId::parse(text("network_id"));
  const auto member = Address::parse(text("member"));
  ASSERT_TRUE(network && member);
  EXPECT_TRUE(network->is_ad_hoc());
  EXPECT_EQ(MacAddress::of_member(*member, *network).text(), text("mac"));
  const auto config = vl2::ad_hoc_config(*network, *member, number("clock"));
  ASSERT_EQ(config.has_value(), flag("configured"));
  if (config) {
    EXPECT_EQ(config_json(*config), data().at("config"));
    EXPECT_EQ(text("status"), "ok");
    return;
  }
  const bool is_refused = config.error() == vl2::AdHocError::BadRange;
  EXPECT_EQ(text("status"), is_refused ? "not_found" : "requesting_configuration");
}

}  // namespace
}  // namespace ztshim::vectors
