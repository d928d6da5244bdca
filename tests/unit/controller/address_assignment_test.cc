#include "service/controller/address_assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/sim/participant.h"

namespace ztshim::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const NetworkId kNetwork(0x8ade799c3000abcd);
const Address kMember(0x205a3384be);

class Assigning : public ::testing::Test {
 protected:
  NetworkDefinition network(const char* json) {
    Json record = new_network_record(kNetwork, 0);
    merge_network(record, Json::parse(json));
    return read_network(record);
  }
  Assignment assign(const NetworkDefinition& definition) {
    return assign_addresses(
        definition, kNetwork, kMember, member_,
        [this](const IpAddress& ip) { return taken_.count(ip) != 0; }, random_);
  }
  static std::vector<std::string> texts(const Assignment& assignment) {
    std::vector<std::string> all;
    for (const IpPrefix& address : assignment.addresses) all.push_back(address.text());
    return all;
  }
  void take(const char* ip) { taken_.insert(IpAddress::parse(ip).value()); }

  MemberDefinition member_;
  std::set<IpAddress> taken_;
  sim::SeededRandom random_{1};
};

constexpr const char* kPool = R"({"v4AssignMode":{"zt":true},"routes":[{"target":"10.147.17.0/24"}],
    "ipAssignmentPools":[{"ipRangeStart":"10.147.17.1","ipRangeEnd":"10.147.17.254"}]})";

TEST_F(Assigning, starts_where_the_members_address_says) {
  // The vector of the notes: 0x5a3384be modulo 253 is 186.
  const Assignment assignment = assign(network(kPool));
  EXPECT_THAT(texts(assignment), ElementsAre("10.147.17.187/24"));
  ASSERT_EQ(assignment.picked.size(), 1U);
  EXPECT_FALSE(assignment.ndp_emulation);
}

TEST_F(Assigning, goes_on_to_the_next_free_address) {
  take("10.147.17.187");
  take("10.147.17.188");
  EXPECT_THAT(texts(assign(network(kPool))), ElementsAre("10.147.17.189/24"));
}

TEST_F(Assigning, says_when_there_was_nothing_to_give) {
  EXPECT_FALSE(assign(network(kPool)).is_short_of_v4);
  const NetworkDefinition tiny = network(R"({"v4AssignMode":"zt","v6AssignMode":"zt",
      "routes":[{"target":"10.147.17.0/24"}],
      "ipAssignmentPools":[{"ipRangeStart":"10.147.17.1","ipRangeEnd":"10.147.17.1"},
                           {"ipRangeStart":"fd00::1","ipRangeEnd":"fd00::9"}]})");
  take("10.147.17.1");
  EXPECT_TRUE(assign(tiny).is_short_of_v4);
  EXPECT_TRUE(assign(tiny).is_short_of_v6) << "no route leads into that pool";
  // Nobody was promised anything.
  EXPECT_FALSE(assign(network(R"({"v4AssignMode":"zt"})")).is_short_of_v4);
  member_.no_auto_assign = true;
  EXPECT_FALSE(assign(tiny).is_short_of_v4);
}

TEST_F(Assigning, gives_nothing_when_the_pool_is_used_up) {
  for (unsigned n = 1; n < 255; ++n) {
    taken_.insert(IpAddress::v4(0x0a931100 + n));
  }
  EXPECT_THAT(texts(assign(network(kPool))), IsEmpty());
}

TEST_F(Assigning, never_picks_the_pools_last_address_or_one_that_ends_in_255) {
  const NetworkDefinition two = network(
      R"({"v4AssignMode":{"zt":true},"routes":[{"target":"10.1.0.0/16"}],
          "ipAssignmentPools":[{"ipRangeStart":"10.1.0.254","ipRangeEnd":"10.1.1.0"}]})");
  EXPECT_THAT(texts(assign(two)), ElementsAre("10.1.0.254/16"));
  take("10.1.0.254");
  EXPECT_THAT(texts(assign(two)), IsEmpty());
}

TEST_F(Assigning, takes_the_only_address_of_a_pool_of_one) {
  EXPECT_THAT(texts(assign(network(
                  R"({"v4AssignMode":{"zt":true},"routes":[{"target":"10.1.0.0/16"}],
                      "ipAssignmentPools":[{"ipRangeStart":"10.1.0.9","ipRangeEnd":"10.1.0.9"}]})"))),
              ElementsAre("10.1.0.9/16"));
}

TEST_F(Assigning, gives_nothing_without_a_route_to_the_pool) {
  EXPECT_THAT(texts(assign(network(
                  R"({"v4AssignMode":{"zt":true},"routes":[{"target":"10.148.0.0/16"}],
              "ipAssignmentPools":[{"ipRangeStart":"10.147.17.1","ipRangeEnd":"10.147.17.254"}]})"))),
              IsEmpty());
}

TEST_F(Assigning, skips_a_pool_that_is_the_wrong_way_round) {
  EXPECT_THAT(texts(assign(network(
                  R"({"v4AssignMode":{"zt":true},"routes":[{"target":"10.147.17.0/24"}],
              "ipAssignmentPools":[{"ipRangeStart":"10.147.17.9","ipRangeEnd":"10.147.17.1"},
                                   {"ipRangeStart":"10.147.17.77","ipRangeEnd":"10.147.17.77"}]})"))),
              ElementsAre("10.147.17.77/24"));
}

TEST_F(Assigning, keeps_what_the_record_says_and_picks_no_other) {
  member_.addresses = {IpAddress::parse("10.147.17.5").value()};
  const Assignment assignment = assign(network(kPool));
  EXPECT_THAT(texts(assignment), ElementsAre("10.147.17.5/24"));
  EXPECT_THAT(assignment.picked, IsEmpty());
}

TEST_F(Assigning, withholds_an_address_that_no_route_contains_and_picks_another) {
  member_.addresses = {IpAddress::parse("192.168.9.9").value()};
  EXPECT_THAT(texts(assign(network(kPool))), ElementsAre("10.147.17.187/24"));
}

TEST_F(Assigning, takes_the_longest_prefix_for_what_the_record_says) {
  member_.addresses = {IpAddress::parse("10.147.17.5").value()};
  EXPECT_THAT(texts(assign(network(
                  R"({"routes":[{"target":"10.0.0.0/8"},{"target":"10.147.17.0/28"},
                                {"target":"10.147.0.0/16"}]})"))),
              ElementsAre("10.147.17.5/28"));
}

TEST_F(Assigning, computes_ipv6_addresses_and_asks_for_emulated_neighbours) {
  const Assignment assignment =
      assign(network(R"({"v6AssignMode":{"rfc4193":true,"6plane":true}})"));
  EXPECT_THAT(texts(assignment), ElementsAre("fd8a:de79:9c30:ab:cd99:9320:5a33:84be/88",
                                             "fcba:ded2:5120:5a33:84be::1/40"));
  EXPECT_TRUE(assignment.ndp_emulation);
  EXPECT_THAT(assignment.picked, IsEmpty());
}

TEST_F(Assigning, leaves_a_member_that_wants_none_with_what_its_record_says) {
  member_.no_auto_assign = true;
  member_.addresses = {IpAddress::parse("10.147.17.5").value()};
  NetworkDefinition definition = network(kPool);
  definition.rfc4193 = true;
  EXPECT_THAT(texts(assign(definition)), ElementsAre("10.147.17.5/24"));
}

TEST_F(Assigning, embeds_the_member_in_a_wide_ipv6_pool) {
  EXPECT_THAT(texts(assign(network(
                  R"({"v6AssignMode":{"zt":true},"routes":[{"target":"fd00:1::/64"}],
              "ipAssignmentPools":[{"ipRangeStart":"fd00:1::","ipRangeEnd":"fd00:1::ffff:ffff:ffff:ffff"}]})"))),
              ElementsAre("fd00:1::20:5a33:84be/64"));
}

TEST_F(Assigning, picks_at_random_from_a_narrow_ipv6_pool) {
  const NetworkDefinition narrow = network(
      R"({"v6AssignMode":{"zt":true},"routes":[{"target":"fd00:1::/64"}],
          "ipAssignmentPools":[{"ipRangeStart":"fd00:1::1","ipRangeEnd":"fd00:1::3"}]})");
  const Assignment first = assign(narrow);
  ASSERT_EQ(first.picked.size(), 1U);
  taken_.insert(first.picked[0]);
  const Assignment second = assign(narrow);
  ASSERT_EQ(second.picked.size(), 1U);
  taken_.insert(second.picked[0]);
  EXPECT_THAT(taken_, ElementsAre(IpAddress::parse("fd00:1::1").value(),
                                  IpAddress::parse("fd00:1::2").value()));
  EXPECT_THAT(assign(narrow).picked, IsEmpty());
}

}  // namespace
}  // namespace ztshim::controller
