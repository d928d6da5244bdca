// Every path of the node's own API.
#include "service/api/node_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/api_world.h"

namespace ztshim::api {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kNetwork = "/network/8056c2e21c000001";

class NodeApi : public ::testing::Test {
 protected:
  int status(const char* method, const std::string& path, const std::string& body = "") {
    return world_.ask(method, path, body).status;
  }
  ApiWorld world_;
};

TEST_F(NodeApi, status_is_what_the_service_says) {
  EXPECT_EQ(world_.get("/status")["address"], "1122334455");
  EXPECT_EQ(status("HEAD", "/status"), 200);
  EXPECT_EQ(status("POST", "/status"), 404);
  EXPECT_EQ(status("GET", "/status/"), 404);
}

TEST_F(NodeApi, health_is_the_harmless_part_of_it) {
  EXPECT_EQ(world_.get("/health").dump(),
            R"({"clock":7,"online":true,"version":"1.2.3","versionBuild":0,"versionMajor":1,)"
            R"("versionMinor":2,"versionRev":3})");
}

TEST_F(NodeApi, joining_answers_with_the_network) {
  EXPECT_EQ(world_.ask("GET", "/network").body, "[]");
  const Response missing = world_.ask("GET", kNetwork);
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "{}");
  EXPECT_EQ(world_.post(kNetwork, Json::object())["id"], "8056c2e21c000001");
  EXPECT_EQ(world_.get(kNetwork)["id"], "8056c2e21c000001");
  EXPECT_THAT(world_.get("/network"), SizeIs(1));
}

TEST_F(NodeApi, settings_come_with_joining_and_later) {
  EXPECT_EQ(world_.post(kNetwork, {{"allowDNS", true}})["allowDNS"], true);
  EXPECT_EQ(world_.ask("PUT", kNetwork, R"({"allowManaged":false})").status, 200);
  EXPECT_EQ(world_.get(kNetwork)["allowDNS"], true) << "what is not given stays";
  EXPECT_EQ(world_.joined.begin()->second.allow_managed, false);
  EXPECT_EQ(world_.post(kNetwork, {{"allowDNS", false}})["allowDNS"], false);
}

TEST_F(NodeApi, a_body_that_cannot_be_read_just_joins) {
  for (const char* body : {"", "{", "[]", R"({"allowDNS":"x"})"}) {
    EXPECT_EQ(world_.ask("POST", kNetwork, body).status, 200) << body;
    EXPECT_FALSE(world_.joined.begin()->second.allow_dns) << body;
  }
}

TEST_F(NodeApi, leaving_says_whether_there_was_anything_to_leave) {
  EXPECT_EQ(world_.ask("DELETE", kNetwork).body, "{}");
  world_.post(kNetwork, Json::object());
  EXPECT_EQ(world_.ask("DELETE", kNetwork).body, R"({"result":true})");
  EXPECT_EQ(status("GET", kNetwork), 404);
}

TEST_F(NodeApi, a_membership_that_cannot_be_stored_is_an_error) {
  world_.cannot_store = true;
  const Response response = world_.ask("POST", kNetwork, "{}");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(Json::parse(response.body)["description"], "the disk is full");
}

TEST_F(NodeApi, networks_without_a_number_are_not_found) {
  for (const char* path :
       {"/network/", "/network/zz", "/network/8056c2e21c00000", "/networks",
        "/network/8056c2e21c000001/", "/network/8056c2e21c000001/x", "/network/0000000000000000"}) {
    EXPECT_EQ(status("POST", path, "{}"), 404) << path;
  }
  EXPECT_EQ(status("DELETE", "/network"), 404);
  EXPECT_EQ(status("OPTIONS", kNetwork), 404);
  EXPECT_THAT(world_.joined, IsEmpty());
}

TEST_F(NodeApi, peers_are_listed_and_shown) {
  EXPECT_THAT(world_.get("/peer"), SizeIs(1));
  EXPECT_EQ(world_.get("/peer/aabbccddee")["role"], "LEAF");
  EXPECT_EQ(world_.get("/peer/AABBCCDDEE")["role"], "LEAF");
  EXPECT_EQ(world_.ask("GET", "/peer/0123456789").body, "{}");
  EXPECT_EQ(status("GET", "/peer/0123"), 404);
  EXPECT_EQ(status("POST", "/peer/aabbccddee"), 404);
}

TEST_F(NodeApi, a_moon_is_waited_for_then_shown_then_dropped) {
  EXPECT_EQ(world_.ask("GET", "/moon").body, "[]");
  const std::string seed = sim::identity(3).address().text();
  const Json waiting = world_.post("/moon/0000000123", {{"seed", seed}});
  EXPECT_EQ(waiting.dump(), R"({"id":"0000000000000123","roots":[],"signature":null,)"
                            R"("timestamp":0,"updatesMustBeSignedBy":null,"waiting":true})");
  EXPECT_EQ(world_.node().vl1().wanted_moons().size(), 1U);
  EXPECT_EQ(world_.ask("GET", "/moon").body, "[]") << "not held yet";
  EXPECT_EQ(world_.ask("GET", "/moon/0000000123").body, "{}");

  const World moon = World::make(
      WorldType::Moon, 0x123, 5,
      {{*Identity::parse(sim::identity(3).text()), {*Endpoint::parse("192.0.2.1:9993")}}},
      sim::identity(4));
  world_.node().vl1().orbit(world_.now(), moon, world_.out());
  const Json held = world_.get("/moon/0000000123");
  EXPECT_EQ(held["waiting"], false);
  EXPECT_EQ(held["id"], "0000000000000123");
  EXPECT_EQ(held["timestamp"], 5);
  EXPECT_EQ(held["roots"][0]["identity"], sim::identity(3).text());
  EXPECT_EQ(held["roots"][0]["stableEndpoints"], Json::parse(R"(["192.0.2.1/9993"])"));
  EXPECT_EQ(held.value("signature", "").size(), 192U);
  EXPECT_EQ(held.value("updatesMustBeSignedBy", "").size(), 128U);
  EXPECT_THAT(world_.get("/moon"), SizeIs(1));
  EXPECT_EQ(world_.post("/moon/0000000123", {{"seed", seed}})["waiting"], false);

  EXPECT_EQ(world_.ask("DELETE", "/moon/0000000123").body, R"({"result":true})");
  EXPECT_EQ(world_.ask("GET", "/moon").body, "[]");
  EXPECT_EQ(world_.ask("DELETE", "/moon/0000000123").body, R"({"result":true})");
}

TEST_F(NodeApi, a_moon_without_a_seed_is_asked_for_nowhere) {
  for (const char* body :
       {"", "{}", R"({"seed":5})", R"({"seed":"01"})", R"({"seed":"0000000000"})"}) {
    EXPECT_EQ(world_.ask("POST", "/moon/0000000123", body).body, "{}") << body;
  }
  EXPECT_THAT(world_.node().vl1().wanted_moons(), IsEmpty());
}

TEST_F(NodeApi, moons_are_asked_for_by_ten_digits) {
  EXPECT_EQ(status("GET", "/moon/0000000000000123"), 404);
  EXPECT_EQ(status("POST", "/moon"), 404);
}

TEST_F(NodeApi, settings_are_merged_into_local_conf) {
  world_.conf = R"({"physical":{"10.0.0.0/8":{"blacklist":true}},"settings":{"primaryPort":1}})";
  EXPECT_EQ(world_.get("/config")["settings"]["primaryPort"], 1);
  EXPECT_EQ(world_.ask("POST", "/config/settings", R"({"allowManagementFrom":["::1/128"]})").body,
            "{}");
  const Json conf = Json::parse(world_.conf);
  EXPECT_EQ(conf["settings"]["primaryPort"], 1);
  EXPECT_EQ(conf["settings"]["allowManagementFrom"][0], "::1/128");
  EXPECT_EQ(conf["physical"]["10.0.0.0/8"]["blacklist"], true);
  EXPECT_EQ(status("POST", "/config/settings", "{"), 500);
  EXPECT_EQ(status("POST", "/config", "{}"), 404);
  EXPECT_EQ(status("GET", "/config/settings"), 404);
}

TEST_F(NodeApi, bonds_are_not_in_use) {
  EXPECT_EQ(status("GET", "/bond/show/aabbccddee"), 400);
  EXPECT_EQ(status("POST", "/bond/rotate/aabbccddee"), 400);
}

TEST_F(NodeApi, metrics_are_the_counters_as_text) {
  const Response response = world_.ask("GET", "/metrics");
  EXPECT_EQ(response.content_type, "text/plain");
  EXPECT_THAT(response.body, HasSubstr("\nztshim_counters_datagrams_in 5\n"));
  EXPECT_THAT(response.body, HasSubstr("ztshim_online 1\n"));
}

TEST_F(NodeApi, a_callback_is_wrapped_around_the_answer) {
  world_.query["jsonp"] = "show_it";
  const Response response = world_.ask("GET", "/network");
  EXPECT_EQ(response.content_type, "application/javascript");
  EXPECT_EQ(response.body, "show_it([]);");
  world_.query["jsonp"] = "alert(1);x";
  EXPECT_EQ(status("GET", "/network"), 400);
}

TEST_F(NodeApi, anything_else_is_not_found) {
  for (const char* path : {"", "/", "//", "/nope", "/sso", "/app", "/app/x", "status"}) {
    const Response response = world_.ask("GET", path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_EQ(response.body, "") << path;
  }
}

TEST_F(NodeApi, an_ending_service_is_unavailable) {
  world_.has_ended = true;
  for (const char* path : {"/status", "/network", "/peer", "/health", "/metrics", kNetwork}) {
    EXPECT_EQ(status("GET", path), 503) << path;
  }
}

}  // namespace
}  // namespace ztshim::api
