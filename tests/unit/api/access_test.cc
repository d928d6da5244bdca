// Who may ask: judged from a request's head alone.
#include "service/api/access.h"

#include <gtest/gtest.h>

namespace ztshim::api {
namespace {

constexpr const char* kToken = "abcdefghijklmnop01234567";

Access access() { return {kToken, "metrics-only", {*IpPrefix::parse("10.1.0.0/16")}}; }

Request from(const char* client, const char* token = kToken) {
  Request request;
  request.method = "GET";
  request.path = "/status";
  request.client = *IpAddress::parse(client);
  request.host = "127.0.0.1:9993";
  request.token = token;
  return request;
}

int status_of(const Request& request) {
  const auto refused = access().refuse(request);
  return refused ? refused->status : 200;
}

TEST(Access, this_machine_with_the_token_may_ask) {
  EXPECT_EQ(status_of(from("127.0.0.1")), 200);
  EXPECT_EQ(status_of(from("127.8.9.1")), 200);
  EXPECT_EQ(status_of(from("::1")), 200);
  EXPECT_EQ(status_of(from("::ffff:127.0.0.1")), 200);
}

TEST(Access, without_the_token_nobody_may) {
  const auto refused = access().refuse(from("127.0.0.1", ""));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 401);
  EXPECT_EQ(refused->body, "{}");
  EXPECT_EQ(status_of(from("127.0.0.1", "abcdefghijklmnop0123456")), 401);
  EXPECT_EQ(status_of(from("127.0.0.1", "abcdefghijklmnop012345678")), 401);
  EXPECT_EQ(status_of(from("127.0.0.1", "metrics-only")), 401);
}

TEST(Access, an_empty_secret_admits_nobody) {
  Access open = access();
  open.token.clear();
  EXPECT_EQ(open.refuse(from("127.0.0.1", ""))->status, 401);
}

TEST(Access, the_token_may_come_in_the_query_or_as_bearer) {
  Request request = from("127.0.0.1", "");
  request.query["auth"] = kToken;
  EXPECT_EQ(status_of(request), 200);
  request.query["auth"] = "wrong";
  EXPECT_EQ(status_of(request), 401);
  request.query.clear();
  request.authorization = std::string("Bearer ") + kToken;
  EXPECT_EQ(status_of(request), 200);
  request.authorization = std::string("Basic ") + kToken;
  EXPECT_EQ(status_of(request), 401);
  request.authorization = kToken;
  EXPECT_EQ(status_of(request), 401);
}

TEST(Access, other_machines_may_ask_only_from_the_ranges_of_local_conf) {
  EXPECT_EQ(status_of(from("10.1.2.3")), 200);
  EXPECT_EQ(status_of(from("::ffff:10.1.2.3")), 200);
  EXPECT_EQ(status_of(from("10.2.0.1")), 401);
  EXPECT_EQ(status_of(from("2001:db8::1")), 401);
  EXPECT_EQ(status_of(from("10.1.2.3", "")), 401) << "with the token, like everybody";
}

TEST(Access, health_and_the_pages_of_apps_need_no_token_but_a_near_client) {
  for (const char* path : {"/health", "/sso", "/app", "/app/x"}) {
    Request request = from("127.0.0.1", "");
    request.path = path;
    EXPECT_EQ(status_of(request), 200) << path;
    request.client = *IpAddress::parse("10.2.0.1");
    EXPECT_EQ(status_of(request), 401) << path;
  }
  Request request = from("127.0.0.1", "");
  request.path = "/healthy";
  EXPECT_EQ(status_of(request), 401);
}

TEST(Access, metrics_may_be_read_from_anywhere_with_either_token) {
  Request request = from("192.0.2.7");
  request.path = "/metrics";
  EXPECT_EQ(status_of(request), 200);
  request.token = "metrics-only";
  EXPECT_EQ(status_of(request), 200);
  request.token = "metrics";
  EXPECT_EQ(status_of(request), 401);
}

TEST(Access, a_page_of_a_foreign_name_is_refused_even_with_the_token) {
  Request request = from("127.0.0.1");
  for (const char* host : {"evil.example", "evil.example:9993", "127.0.0.1.evil.example",
                           "localhost.evil.example", "[::1", "[evil]:1"}) {
    request.host = host;
    EXPECT_EQ(status_of(request), 403) << host;
  }
  for (const char* host :
       {"", "localhost", "localhost:9993", "127.0.0.1", "[::1]:9993", "[::1]", "10.1.0.1:80"}) {
    request.host = host;
    EXPECT_EQ(status_of(request), 200) << host;
  }
}

TEST(Access, a_body_that_is_announced_too_long_is_refused_unread) {
  Request request = from("127.0.0.1");
  request.content_type = "application/json";
  request.content_length = kMaxBody;
  EXPECT_EQ(status_of(request), 200);
  request.content_length = kMaxBody + 1;
  EXPECT_EQ(status_of(request), 413);
  request.content_type = "application/x-www-form-urlencoded; charset=utf-8";
  request.content_length = kMaxForm;
  EXPECT_EQ(status_of(request), 200);
  request.content_length = kMaxForm + 1;
  EXPECT_EQ(status_of(request), 413);
  request.token.clear();
  EXPECT_EQ(status_of(request), 401) << "strangers learn nothing else";
}

TEST(Access, forms_with_files_are_not_taken_apart) {
  Request request = from("127.0.0.1");
  request.content_type = "multipart/form-data; boundary=x";
  EXPECT_EQ(status_of(request), 415);
}

}  // namespace
}  // namespace ztshim::api
