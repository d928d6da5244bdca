// Every path of the controller's API, with what a genuine controller answered to the same request.
#include "service/api/controller_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/api_world.h"

namespace ztshim::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class ControllerApi : public ::testing::Test {
 protected:
  // A network with one authorised member; its path.
  std::string make() {
    const Json network = world_.post("/controller/network", {{"name", "office"}});
    path_ = "/controller/network/" + network.value("id", "");
    world_.post(path_ + "/member/205a3384be", {{"authorized", true}});
    return path_;
  }
  int status(const char* method, const std::string& path, const std::string& body = "{}") {
    return world_.ask(method, path, body).status;
  }

  ApiWorld world_;
  std::string path_;
};

TEST_F(ControllerApi, says_that_it_is_a_controller) {
  const Json json = world_.get("/controller");
  EXPECT_EQ(json["controller"], true);
  EXPECT_EQ(json["apiVersion"], 4);
  EXPECT_EQ(json["clock"], world_.now().wall_ms);
  EXPECT_EQ(json["databaseReady"], true);
  EXPECT_EQ(json.size(), 4U);
}

TEST_F(ControllerApi, lists_networks_by_their_ids) {
  EXPECT_EQ(world_.ask("GET", "/controller/network").body, "[]");
  const std::string first = world_.post("/controller/network", Json::object()).value("id", "");
  const std::string second = world_.post("/controller/network", Json::object()).value("id", "");
  const Json list = world_.get("/controller/network");
  EXPECT_THAT(list, ::testing::UnorderedElementsAre(first, second));
}

TEST_F(ControllerApi, a_new_network_has_an_unused_number_of_this_controllers) {
  const Json network = world_.post("/controller/network", {{"name", "x"}});
  EXPECT_THAT(network.value("id", ""), StartsWith(world_.own_address()));
  EXPECT_NE(network.value("id", "").substr(10), "000000");
  EXPECT_EQ(network["name"], "x");
  EXPECT_EQ(network["revision"], 1);
}

TEST_F(ControllerApi, six_underscores_ask_for_any_number) {
  const Json network =
      world_.post("/controller/network/" + world_.own_address() + "______", {{"private", false}});
  EXPECT_THAT(network.value("id", ""), StartsWith(world_.own_address()));
  EXPECT_EQ(network["private"], false);
}

TEST_F(ControllerApi, underscores_after_a_foreign_address_are_a_bad_request) {
  const Response response = world_.ask("POST", "/controller/network/0123456789______", "{}");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(status("POST", "/controller/network/xyz______"), 404);
}

// The record that a genuine controller made of {} (controller.md 8), but for the ids and the time.
TEST_F(ControllerApi, a_network_of_defaults_is_the_genuine_one) {
  const std::string text = world_.ask("POST", "/controller/network", "{}").body;
  Json network = Json::parse(text);
  const std::string id = network.value("id", "");
  EXPECT_EQ(network["creationTime"], world_.now().wall_ms);
  const std::string expected =
      R"({"authTokens":[null],"authorizationEndpoint":"","capabilities":[],"clientId":"","creationTime":1700000000000,"dns":[],"enableBroadcast":true,"id":")" +
      id + R"(","ipAssignmentPools":[],"mtu":2800,"multicastLimit":32,"name":"","nwid":")" + id +
      R"(","objtype":"network","private":true,"remoteTraceLevel":0,"remoteTraceTarget":null,"revision":1,"routes":[],"rules":[{"not":false,"or":false,"type":"ACTION_ACCEPT"}],"rulesSource":"","ssoEnabled":false,"tags":[],"v4AssignMode":{"zt":false},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false}})";
  EXPECT_EQ(text, expected);
}

TEST_F(ControllerApi, a_network_can_be_made_under_a_given_number) {
  const std::string path = "/controller/network/" + world_.own_address() + "00000a";
  EXPECT_EQ(status("GET", path), 404);
  EXPECT_EQ(world_.post(path, {{"name", "ten"}})["name"], "ten");
  EXPECT_EQ(world_.get(path)["name"], "ten");
}

TEST_F(ControllerApi, post_and_put_change_only_the_fields_given) {
  const std::string path = make();
  EXPECT_EQ(world_.post(path, {{"private", false}})["name"], "office");
  const Response put = world_.ask("PUT", path, R"({"name":"home"})");
  EXPECT_EQ(put.status, 200);
  const Json network = world_.get(path);
  EXPECT_EQ(network["name"], "home");
  EXPECT_EQ(network["private"], false);
  EXPECT_EQ(network["revision"], 3);
  EXPECT_EQ(world_.post(path, {{"name", "home"}})["revision"], 3) << "nothing changed";
}

TEST_F(ControllerApi, fields_that_are_not_for_clients_stay) {
  const std::string path = make();
  const Json before = world_.get(path);
  const Json after = world_.post(path, {{"id", "1111111111111111"},
                                        {"nwid", "1"},
                                        {"objtype", "x"},
                                        {"revision", 99},
                                        {"creationTime", 1},
                                        {"ssoEnabled", true},
                                        {"certificateTimeoutWindowSize", 5},
                                        {"rulesSource", "x"},
                                        {"clientId", "x"},
                                        {"nonsense", 1}});
  EXPECT_EQ(after, before);
}

TEST_F(ControllerApi, a_deleted_network_is_shown_once_more) {
  const std::string path = make();
  const Response deleted = world_.ask("DELETE", path);
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(Json::parse(deleted.body)["name"], "office");
  EXPECT_EQ(status("GET", path), 404);
  EXPECT_EQ(status("DELETE", path), 404);
  EXPECT_EQ(status("GET", path + "/member"), 404);
}

TEST_F(ControllerApi, not_found_is_empty) {
  const Response response = world_.ask("GET", "/controller/network/0123456789abcdef");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "");
}

TEST_F(ControllerApi, members_are_listed_with_their_revisions) {
  const std::string path = make();
  world_.post(path + "/member/0102030405", {{"name", "a"}});
  world_.post(path + "/member/0102030405", {{"name", "b"}});
  EXPECT_EQ(world_.ask("GET", path + "/member").body, R"({"0102030405":2,"205a3384be":1})");
}

// As for networks: what a genuine controller makes of {"authorized":true} for an unknown member.
TEST_F(ControllerApi, a_member_can_be_authorised_before_it_asks) {
  const std::string path = make();
  const Json member = world_.get(path + "/member/205a3384be");
  const std::string id = world_.get(path).value("id", "");
  EXPECT_EQ(
      member.dump(),
      R"({"activeBridge":false,"address":"205a3384be","authenticationExpiryTime":0,"authorized":true,"capabilities":[],"creationTime":1700000000000,"id":"205a3384be","ipAssignments":[],"lastAuthorizedCredential":null,"lastAuthorizedCredentialType":"api","lastAuthorizedTime":1700000000000,"lastDeauthorizedTime":0,"noAutoAssignIps":false,"nwid":")" +
          id +
          R"(","objtype":"member","remoteTraceLevel":0,"remoteTraceTarget":null,"revision":1,"ssoExempt":false,"tags":[],"vMajor":-1,"vMinor":-1,"vProto":-1,"vRev":-1})");
}

TEST_F(ControllerApi, members_are_changed_like_networks) {
  const std::string path = make() + "/member/205a3384be";
  const Json member = world_.post(
      path, {{"name", "laptop"}, {"ipAssignments", {"10.1.1.1/24", "bad"}}, {"tags", {{5, 6}}}});
  EXPECT_EQ(member["name"], "laptop");
  EXPECT_THAT(member["ipAssignments"], ElementsAre("10.1.1.1"));
  EXPECT_EQ(member["tags"], Json::parse("[[5,6]]"));
  EXPECT_EQ(member["authorized"], true);
  EXPECT_EQ(Json::parse(world_.ask("PUT", path, R"({"authorized":0})").body)["authorized"], false);
}

TEST_F(ControllerApi, a_deleted_member_is_shown_once_more) {
  const std::string path = make() + "/member/205a3384be";
  EXPECT_EQ(Json::parse(world_.ask("DELETE", path).body)["id"], "205a3384be");
  EXPECT_EQ(status("GET", path), 404);
  EXPECT_EQ(status("DELETE", path), 404);
  EXPECT_EQ(world_.ask("GET", path_ + "/member").body, "{}");
}

TEST_F(ControllerApi, members_of_no_network_are_not_found) {
  EXPECT_EQ(status("POST", "/controller/network/0123456789abcdef/member/205a3384be"), 404);
  EXPECT_EQ(status("GET", "/controller/network/0123456789abcdef/member"), 404);
  EXPECT_EQ(status("GET", make() + "/member/0123456789"), 404);
}

TEST_F(ControllerApi, an_address_no_node_can_have_is_refused_with_a_reason) {
  const Response response = world_.ask("POST", make() + "/member/ff00000000", "{}");
  EXPECT_EQ(response.status, 400);
  EXPECT_FALSE(Json::parse(response.body).value("description", "").empty());
}

TEST_F(ControllerApi, the_unstable_lists_have_whole_records_and_counts) {
  const std::string path = make();
  world_.post(path + "/member/0102030405", Json::object());
  const Json networks = world_.get("/unstable/controller/network");
  EXPECT_EQ(networks["meta"]["networkCount"], 1);
  ASSERT_EQ(networks["data"].size(), 1U);
  EXPECT_EQ(networks["data"][0]["name"], "office");
  EXPECT_EQ(networks["data"][0]["meta"],
            (Json{{"authorizedMemberCount", 1}, {"totalMemberCount", 2}}));
  const Json members = world_.get("/unstable" + path + "/member");
  EXPECT_EQ(members["meta"], (Json{{"authorizedCount", 1}, {"totalCount", 2}}));
  ASSERT_EQ(members["data"].size(), 2U);
  EXPECT_EQ(members["data"][1]["authorized"], true);
  EXPECT_EQ(status("GET", "/unstable/controller/network/0123456789abcdef/member"), 404);
  EXPECT_EQ(status("POST", "/unstable/controller/network"), 404);
  EXPECT_EQ(status("GET", "/unstable/controller"), 404);
  EXPECT_EQ(status("GET", "/unstable/controller/network/"), 404);
}

TEST_F(ControllerApi, other_paths_and_verbs_are_not_found) {
  const std::string path = make();
  for (const char* wrong : {"/controller/", "/controller/networks", "/controller/network/",
                            "/controller/network/01", "/controller/network/0123456789abcdeg"}) {
    EXPECT_EQ(status("GET", wrong), 404) << wrong;
    EXPECT_EQ(status("POST", wrong), 404) << wrong;
  }
  EXPECT_EQ(status("POST", "/controller"), 404);
  EXPECT_EQ(status("DELETE", "/controller/network"), 404);
  EXPECT_EQ(status("GET", path + "/"), 404);
  EXPECT_EQ(status("GET", path + "/members"), 404);
  EXPECT_EQ(status("POST", path + "/member"), 404);
  EXPECT_EQ(status("GET", path + "/member/205a3384be/"), 404);
  EXPECT_EQ(status("GET", path + "/member/205a3384b"), 404);
  EXPECT_EQ(status("OPTIONS", path), 404);
  EXPECT_EQ(status("PATCH", path + "/member/205a3384be"), 404);
}

TEST_F(ControllerApi, a_body_that_is_no_json_is_an_error_inside) {
  const std::string path = make();
  for (const char* body : {"", "{", "{\"name\":}", "\xff\xfe"}) {
    const Response response = world_.ask("POST", path, body);
    EXPECT_EQ(response.status, 500) << body;
    EXPECT_EQ(Json::parse(response.body)["error"], 500);
  }
  EXPECT_EQ(status("POST", "/controller/network", "{"), 500);
  EXPECT_EQ(status("POST", path + "/member/205a3384be", "["), 500);
  EXPECT_EQ(world_.get(path)["name"], "office");
}

TEST_F(ControllerApi, json_that_is_no_object_changes_nothing) {
  const std::string path = make();
  const Json before = world_.get(path);
  for (const char* body : {"[]", "5", "\"x\"", "null"}) {
    EXPECT_EQ(Json::parse(world_.ask("POST", path, body).body), before) << body;
  }
}

TEST_F(ControllerApi, records_go_to_the_disk_with_each_change) {
  world_.out().clear();
  make();
  ASSERT_EQ(world_.out().stored().size(), 2U);
  EXPECT_EQ(world_.out().stored()[0].kind, StoredKind::ControllerNetwork);
  EXPECT_EQ(world_.out().stored()[1].kind, StoredKind::ControllerMember);
}

TEST_F(ControllerApi, nothing_of_it_is_there_on_a_node_without_a_controller) {
  ApiWorld plain(false);
  EXPECT_EQ(plain.ask("GET", "/controller").status, 404);
  EXPECT_EQ(plain.ask("POST", "/controller/network", "{}").status, 404);
}

TEST_F(ControllerApi, an_ending_service_is_unavailable) {
  world_.has_ended = true;
  EXPECT_EQ(status("GET", "/controller"), 503);
}

}  // namespace
}  // namespace ztshim::api
