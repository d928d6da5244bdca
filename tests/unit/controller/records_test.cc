// Records as administrators see them: defaults, normal forms, revisions. Notes: controller.md 7,
// 8, 9.
#include "service/controller/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ztshim::controller {
namespace {

using ::testing::ElementsAre;

const NetworkId kNetwork(0x8ade799c30900c55);
const Address kMember(0x205a3384be);

Json merged(const char* changes) {
  Json record = new_network_record(kNetwork, 1'000);
  merge_network(record, Json::parse(changes));
  return record;
}
Json merged_member(const char* changes, std::int64_t wall_ms = 5'000) {
  Json record = new_member_record(kNetwork, kMember, 1'000);
  merge_member(record, Json::parse(changes), wall_ms);
  return record;
}

TEST(NetworkRecord, has_the_recorded_defaults) {
  // As observed of the reference (controller.md 8), without what it counts up.
  Outbox out;
  Records records;
  EXPECT_TRUE(records.save_network(kNetwork, new_network_record(kNetwork, 1795173275742), out));
  EXPECT_EQ(
      write_text(records.find(kNetwork)->record),
      R"({"authTokens":[null],"authorizationEndpoint":"","capabilities":[],"clientId":"","creationTime":1795173275742,"dns":[],"enableBroadcast":true,"id":"8ade799c30900c55","ipAssignmentPools":[],"mtu":2800,"multicastLimit":32,"name":"","nwid":"8ade799c30900c55","objtype":"network","private":true,"remoteTraceLevel":0,"remoteTraceTarget":null,"revision":1,"routes":[],"rules":[{"not":false,"or":false,"type":"ACTION_ACCEPT"}],"rulesSource":"","ssoEnabled":false,"tags":[],"v4AssignMode":{"zt":false},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false}})");
}

TEST(NetworkRecord, ignores_fields_it_does_not_know_or_that_may_not_be_written) {
  const Json record = merged(R"({"nonsense":1,"creationTime":7,"revision":99,"ssoEnabled":true})");
  EXPECT_FALSE(record.contains("nonsense"));
  EXPECT_EQ(record["creationTime"], 1000);
  EXPECT_EQ(record["revision"], 0);
  EXPECT_EQ(record["ssoEnabled"], false);
}

TEST(NetworkRecord, drops_bad_routes_and_gateways_of_the_other_family) {
  const Json record = merged(R"({"routes":[{"target":"10.0.0.0/8","via":"10.0.0.1"},
      {"target":"10.0.0.0/33"},{"target":"nowhere"},{"target":"fd00::/8","via":"10.0.0.1"},7]})");
  EXPECT_EQ(record["routes"], Json::parse(R"([{"target":"10.0.0.0/8","via":"10.0.0.1"},
                            {"target":"fd00::/8","via":null}])"));
}

TEST(NetworkRecord, drops_pools_with_ends_of_different_families) {
  const Json record = merged(R"({"ipAssignmentPools":[
      {"ipRangeStart":"10.0.0.1","ipRangeEnd":"fd00::1"},
      {"ipRangeStart":"fd00::1","ipRangeEnd":"fd00::2"},{"ipRangeStart":"10.0.0.1"}]})");
  EXPECT_EQ(record["ipAssignmentPools"],
            Json::parse(R"([{"ipRangeStart":"fd00::1","ipRangeEnd":"fd00::2"}])"));
}

TEST(NetworkRecord, takes_assignment_modes_as_texts_too) {
  const Json record = merged(R"({"v4AssignMode":"zt","v6AssignMode":"rfc4193,6plane"})");
  EXPECT_EQ(record["v4AssignMode"], Json::parse(R"({"zt":true})"));
  EXPECT_EQ(record["v6AssignMode"], Json::parse(R"({"6plane":true,"rfc4193":true,"zt":false})"));
}

TEST(NetworkRecord, replaces_the_ipv6_mode_as_a_whole) {
  EXPECT_EQ(merged(R"({"v6AssignMode":{"rfc4193":true}})")["v6AssignMode"],
            Json::parse(R"({"rfc4193":true})"));
}

TEST(NetworkRecord, clamps_the_mtu_and_reads_numbers_from_texts) {
  EXPECT_EQ(merged(R"({"mtu":100})")["mtu"], 1280);
  EXPECT_EQ(merged(R"({"mtu":"99999"})")["mtu"], 10000);
  EXPECT_EQ(
      merged(R"({"multicastLimit":"64","private":"false","enableBroadcast":0})")["multicastLimit"],
      64);
  EXPECT_EQ(merged(R"({"private":"false"})")["private"], false);
  EXPECT_EQ(merged(R"({"private":"true"})")["private"], true);
}

TEST(NetworkRecord, sorts_tags_and_capabilities_by_id) {
  const Json record = merged(R"({"tags":[{"id":9},{"id":1,"default":5},{"id":9,"default":7}],
      "capabilities":[{"id":5,"rules":[{"type":"ACTION_ACCEPT"},{"type":"NO_SUCH"}]},
                      {"id":2,"default":true}]})");
  EXPECT_EQ(record["tags"], Json::parse(R"([{"id":1,"default":5},{"id":9,"default":7}])"));
  EXPECT_EQ(record["capabilities"], Json::parse(R"([{"id":2,"default":true,"rules":[]},
                            {"id":5,"default":false,"rules":[{"type":"ACTION_ACCEPT"}]}])"));
}

TEST(NetworkRecord, keeps_tokens_with_a_time_only) {
  EXPECT_EQ(merged(R"({"authTokens":{"a":0,"b":-1,"c":"text","d":170}})")["authTokens"],
            Json::parse(R"({"a":0,"d":170})"));
  EXPECT_EQ(merged(R"({"authTokens":7})")["authTokens"], Json::parse("[null]"));
}

TEST(NetworkRecord, needs_an_object_for_dns) {
  EXPECT_EQ(merged(R"({"dns":[]})")["dns"], Json::array());
  EXPECT_EQ(merged(R"({"dns":{"domain":"corp.example","servers":["10.0.0.1","x"]}})")["dns"],
            Json::parse(R"({"domain":"corp.example","servers":["10.0.0.1"]})"));
}

TEST(NetworkRecord, of_a_damaged_file_means_what_can_be_understood_of_it) {
  Json record = Json::parse(R"({"id":"8ade799c30900c55","routes":{"a":1},"tags":[[1]],"mtu":[],
      "capabilities":"x","ipAssignmentPools":[null],"dns":{"servers":7},"name":7})");
  complete_network_record(record, kNetwork);
  const NetworkDefinition definition = read_network(record);
  EXPECT_TRUE(definition.routes.empty());
  EXPECT_TRUE(definition.tags.empty());
  EXPECT_EQ(definition.mtu, 2800U);
  EXPECT_EQ(definition.name, "7");
  EXPECT_TRUE(definition.is_private);
}

TEST(NetworkRecord, holds_the_credential_window_within_its_bounds) {
  Json record = new_network_record(kNetwork, 0);
  EXPECT_EQ(read_network(record).credential_window_ms, 1'800'000U);
  record["certificateTimeoutWindowSize"] = 1;
  EXPECT_EQ(read_network(record).credential_window_ms, 300'000U);
  record["certificateTimeoutWindowSize"] = 99'999'999;
  EXPECT_EQ(read_network(record).credential_window_ms, 7'200'000U);
}

TEST(MemberRecord, notes_who_authorised_it_and_when) {
  Json record = merged_member(R"({"authorized":true})");
  EXPECT_EQ(record["lastAuthorizedTime"], 5000);
  EXPECT_EQ(record["lastAuthorizedCredentialType"], "api");
  EXPECT_EQ(record["lastAuthorizedCredential"], nullptr);
  merge_member(record, Json::parse(R"({"authorized":true})"), 6'000);
  EXPECT_EQ(record["lastAuthorizedTime"], 5000);
  merge_member(record, Json::parse(R"({"authorized":false})"), 7'000);
  EXPECT_EQ(record["authorized"], false);
  EXPECT_EQ(record["lastDeauthorizedTime"], 7000);
}

TEST(MemberRecord, strips_prefix_lengths_and_sorts_tags) {
  const Json record = merged_member(R"({"ipAssignments":["10.1.2.3/24","fd00::1","x"],
      "tags":[[9,1],[2,3],[9,4],[1]],"capabilities":[5,1,5]})");
  EXPECT_EQ(record["ipAssignments"], Json::parse(R"(["10.1.2.3","fd00::1"])"));
  EXPECT_EQ(record["tags"], Json::parse("[[2,3],[9,4]]"));
  EXPECT_EQ(record["capabilities"], Json::parse("[5,1]"));
}

TEST(MemberRecord, cannot_be_given_another_identity_or_id) {
  const Json record = merged_member(R"({"identity":"x","id":"1111111111","nwid":"x"})");
  EXPECT_FALSE(record.contains("identity"));
  EXPECT_EQ(record["id"], "205a3384be");
}

TEST(Saving, counts_the_revision_up_and_writes_the_file) {
  Records records;
  Outbox out;
  EXPECT_TRUE(records.save_network(kNetwork, merged(R"({"name":"a"})"), out));
  EXPECT_TRUE(records.save_network(kNetwork, merged(R"({"name":"b"})"), out));
  ASSERT_EQ(out.stored().size(), 2U);
  EXPECT_EQ(out.stored()[1].kind, StoredKind::ControllerNetwork);
  EXPECT_EQ(out.stored()[1].key, kNetwork.number());
  EXPECT_EQ(Json::parse(out.stored()[1].content)["name"], "b");
}

TEST(Saving, without_a_change_does_nothing) {
  Records records;
  Outbox out;
  records.save_network(kNetwork, merged(R"({"name":"a"})"), out);
  out.clear();
  Json again = records.find(kNetwork)->record;
  merge_network(again, Json::parse(R"({"name":"a"})"));
  EXPECT_FALSE(records.save_network(kNetwork, again, out));
  EXPECT_TRUE(out.stored().empty());
  EXPECT_EQ(records.find(kNetwork)->definition.revision, 1U);
}

TEST(Index, follows_members_as_their_records_change) {
  Records records;
  Outbox out;
  records.save_network(kNetwork, new_network_record(kNetwork, 0), out);
  NetworkEntry& network = *records.find(kNetwork);
  records.save_member(kNetwork, network, kMember,
                      merged_member(R"({"ipAssignments":["10.1.2.3"],"activeBridge":true})"), out);
  const IpAddress ip = IpAddress::parse("10.1.2.3").value();
  EXPECT_EQ(network.assigned.count(ip), 1U);
  EXPECT_THAT(network.active_bridges, ElementsAre(kMember));
  EXPECT_EQ(network.unauthorized, 1U);
  Json record = Records::record_of(network.members.at(kMember));
  merge_member(record,
               Json::parse(R"({"ipAssignments":[],"activeBridge":false,"authorized":true})"), 1);
  records.save_member(kNetwork, network, kMember, record, out);
  EXPECT_TRUE(network.assigned.empty());
  EXPECT_TRUE(network.active_bridges.empty());
  EXPECT_EQ(network.unauthorized, 0U);
  records.remove_member(kNetwork, network, kMember, out);
  EXPECT_TRUE(network.members.empty());
  EXPECT_TRUE(out.stored().back().remove);
}

}  // namespace
}  // namespace ztshim::controller
