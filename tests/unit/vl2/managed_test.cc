#include "service/vl2/managed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ztshim::vl2 {
namespace {

IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value(); }

struct ScopeCase {
  const char* ip;
  AddressScope scope;
};
class Scopes : public ::testing::TestWithParam<ScopeCase> {};
INSTANTIATE_TEST_SUITE_P(
    , Scopes,
    ::testing::Values(
        ScopeCase{"0.1.2.3", AddressScope::Never}, ScopeCase{"127.0.0.1", AddressScope::Never},
        ScopeCase{"169.254.1.1", AddressScope::Never}, ScopeCase{"224.0.0.1", AddressScope::Never},
        ScopeCase{"255.1.1.1", AddressScope::Never}, ScopeCase{"::", AddressScope::Never},
        ScopeCase{"::1", AddressScope::Never}, ScopeCase{"fe80::1", AddressScope::Never},
        ScopeCase{"ff02::1", AddressScope::Never}, ScopeCase{"10.0.0.1", AddressScope::Private},
        ScopeCase{"172.16.0.1", AddressScope::Private},
        ScopeCase{"172.31.255.255", AddressScope::Private},
        ScopeCase{"172.32.0.1", AddressScope::Global},
        ScopeCase{"192.168.9.9", AddressScope::Private},
        ScopeCase{"100.64.0.1", AddressScope::Private},
        ScopeCase{"100.128.0.1", AddressScope::Global},
        ScopeCase{"192.0.2.1", AddressScope::Private},
        ScopeCase{"198.18.0.1", AddressScope::Private},
        ScopeCase{"198.51.100.1", AddressScope::Private},
        ScopeCase{"203.0.113.1", AddressScope::Private},
        ScopeCase{"28.1.2.3", AddressScope::Private}, ScopeCase{"51.1.2.3", AddressScope::Private},
        ScopeCase{"240.0.0.1", AddressScope::Private},
        ScopeCase{"254.9.9.9", AddressScope::Private}, ScopeCase{"8.8.8.8", AddressScope::Global},
        ScopeCase{"fd00::1", AddressScope::Private}, ScopeCase{"fc12::1", AddressScope::Private},
        ScopeCase{"2001:db8::1", AddressScope::Global}));

TEST_P(Scopes, are_those_of_the_notes) {
  EXPECT_EQ(scope_of(IpAddress::parse(GetParam().ip).value()), GetParam().scope) << GetParam().ip;
}

TEST(Admission, of_private_addresses_is_the_default_and_of_others_a_choice) {
  LocalSettings settings;
  EXPECT_TRUE(is_admitted(settings, prefix("10.147.17.5/24")));
  EXPECT_FALSE(is_admitted(settings, prefix("8.8.8.8/32")));
  EXPECT_FALSE(is_admitted(settings, prefix("0.0.0.0/0")));
  EXPECT_FALSE(is_admitted(settings, prefix("::/0")));
  settings.allow_global = true;
  EXPECT_TRUE(is_admitted(settings, prefix("8.8.8.8/32")));
  EXPECT_FALSE(is_admitted(settings, prefix("0.0.0.0/0")));
  settings.allow_default = true;
  EXPECT_TRUE(is_admitted(settings, prefix("0.0.0.0/0")));
  EXPECT_FALSE(is_admitted(settings, prefix("127.0.0.0/8")));
  settings.allow_managed = false;
  EXPECT_FALSE(is_admitted(settings, prefix("10.147.17.5/24")));
}

TEST(Admission, may_be_restricted_to_ranges_and_nothing_wider) {
  LocalSettings settings;
  settings.managed_within = {prefix("10.147.0.0/16")};
  EXPECT_TRUE(is_admitted(settings, prefix("10.147.17.5/24")));
  EXPECT_FALSE(is_admitted(settings, prefix("10.148.17.5/24")));
  EXPECT_FALSE(is_admitted(settings, prefix("10.0.0.0/8")));
}

TEST(Routes, need_an_own_address_of_their_family_and_lead_elsewhere) {
  NetworkConfig config;
  config.managed_addresses = {prefix("10.147.17.5/24")};
  config.routes = {
      {prefix("10.147.17.0/24"), IpAddress(), 0, 0},
      {prefix("192.168.7.0/24"), IpAddress::parse("10.147.17.1").value(), 0, 0},
      {prefix("192.168.8.0/24"), IpAddress::parse("10.147.17.5").value(), 0, 0},
      {prefix("fd00::/64"), IpAddress(), 0, 0},
      {prefix("9.9.9.0/24"), IpAddress::parse("10.147.17.1").value(), 0, 0},
  };
  std::vector<std::string> targets;
  for (const ManagedRoute& route : admitted_routes({}, config)) {
    targets.push_back(route.target.text());
  }
  EXPECT_THAT(targets, ::testing::ElementsAre("10.147.17.0/24", "192.168.7.0/24"));
}

TEST(Routes, are_judged_by_their_range_not_by_the_address_in_it) {
  NetworkConfig config;
  config.managed_addresses = {prefix("10.147.17.5/24")};
  const IpAddress gateway = IpAddress::parse("10.147.17.1").value();
  for (const char* target : {"10.0.0.0/0", "10.0.0.0/1", "192.168.0.0/2", "0.0.0.0/0"}) {
    config.routes = {{prefix(target), gateway, 0, 0}};
    EXPECT_THAT(admitted_routes({}, config), ::testing::IsEmpty()) << target;
  }
  LocalSettings everything;
  everything.allow_default = true;
  config.routes = {{prefix("10.0.0.0/0"), gateway, 0, 0}};
  EXPECT_THAT(admitted_routes(everything, config), ::testing::SizeIs(1));
}

TEST(EffectiveRoutes, have_the_nearest_of_our_addresses_as_source) {
  NetworkConfig config;
  config.managed_addresses = {prefix("10.147.17.5/24"), prefix("192.168.40.9/24"),
                              prefix("fd00:1::5/64")};
  config.routes = {
      {prefix("192.168.41.77/24"), IpAddress::parse("10.147.17.1").value(), 0, 0},
      {prefix("10.200.0.0/16"), IpAddress(), 0, 0},
      {prefix("fd00:2::/64"), IpAddress::parse("fd00:1::1").value(), 0, 0},
  };
  const EffectiveSettings effective = effective_settings({}, config);
  EXPECT_EQ(effective.addresses, config.managed_addresses);
  EXPECT_THAT(effective.routes,
              ::testing::ElementsAre(EffectiveRoute{prefix("192.168.41.0/24"), config.routes[0].via,
                                                    IpAddress::parse("192.168.40.9").value()},
                                     EffectiveRoute{prefix("10.200.0.0/16"), IpAddress(),
                                                    IpAddress::parse("10.147.17.5").value()},
                                     EffectiveRoute{prefix("fd00:2::/64"), config.routes[2].via,
                                                    IpAddress::parse("fd00:1::5").value()}));
}

TEST(EffectiveRoutes, leave_out_what_an_address_implies_and_what_crosses_families) {
  NetworkConfig config;
  config.managed_addresses = {prefix("10.147.17.5/24"), prefix("fd00:1::5/64")};
  config.routes = {
      {prefix("10.147.17.0/24"), IpAddress(), 0, 0},
      {prefix("10.147.17.0/25"), IpAddress(), 0, 0},
      {prefix("10.9.0.0/16"), IpAddress::parse("fd00:1::1").value(), 0, 0},
  };
  const EffectiveSettings effective = effective_settings({}, config);
  ASSERT_THAT(effective.routes, ::testing::SizeIs(1));
  EXPECT_EQ(effective.routes[0].target, prefix("10.147.17.0/25"));
}

TEST(EffectiveSettings, hold_names_only_where_they_are_wanted) {
  NetworkConfig config;
  config.managed_addresses = {prefix("10.147.17.5/24")};
  config.dns.domain = "lan.example";
  config.dns.servers[0] = IpAddress::parse("10.147.17.1").value();
  config.dns.servers[2] = IpAddress::parse("fd00::53").value();
  EXPECT_EQ(effective_settings({}, config).dns_domain, "");
  LocalSettings settings;
  settings.allow_dns = true;
  EXPECT_EQ(effective_settings(settings, config).dns_domain, "lan.example");
  EXPECT_THAT(effective_settings(settings, config).dns_servers,
              ::testing::ElementsAre(config.dns.servers[0], config.dns.servers[2]));
  config.dns.domain.clear();
  EXPECT_THAT(effective_settings(settings, config).dns_servers, ::testing::IsEmpty());
}

TEST(Addresses, without_a_range_are_left_out) {
  NetworkConfig config;
  config.managed_addresses = {{IpAddress::parse("10.1.2.3").value(), 0},
                              prefix("10.1.2.4/24"),
                              {IpAddress::parse("10.1.2.5").value(), 33}};
  ASSERT_EQ(admitted_addresses({}, config).size(), 1U);
  EXPECT_EQ(admitted_addresses({}, config)[0], prefix("10.1.2.4/24"));
}

}  // namespace
}  // namespace ztshim::vl2
