// The API over real loopback connections: what a client may send, and how long it may take.
#include "service/api/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "common/unique_fd.h"
#include "service/api/connection.h"
#include "tests/unit/api/api_world.h"

namespace ztshim::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kToken = "abcdefghijklmnop01234567";

// A port nobody listens at now: free until somebody takes it, which the tests retry for.
std::uint16_t free_port() {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  ::bind(probe.get(), reinterpret_cast<const sockaddr*>(&name), size);
  ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(name.sin_port);
}

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
      fd_ = UniqueFd();
    }
  }
  bool is_connected() const { return static_cast<bool>(fd_); }
  bool send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void say_no_more() const { ::shutdown(fd_.get(), SHUT_WR); }
  // Everything up to the end of the connection.
  std::string receive() const {
    std::string text;
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return text;
      text.append(buffer, static_cast<std::size_t>(got));
    }
  }
  std::string ask(std::string_view text) const {
    send(text);
    return receive();
  }

 private:
  UniqueFd fd_;
};

class Serving : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int attempt = 0; attempt < 20 && !server_; ++attempt) {
      port_ = free_port();
      auto server =
          Server::start({{*IpAddress::parse("127.0.0.1"), port_}}, {kToken, "metrics", {}}, world_);
      if (server) server_ = std::move(*server);
    }
    ASSERT_TRUE(server_);
  }
  std::string head(const std::string& line, const std::string& more = "") const {
    return line + " HTTP/1.1\r\nHost: 127.0.0.1\r\nX-ZT1-Auth: " + kToken + "\r\n" + more + "\r\n";
  }
  std::string ask(const std::string& text) const { return Client(port_).ask(text); }

  ApiWorld world_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Server> server_;
};

TEST_F(Serving, answers_and_closes) {
  const std::string answer = ask(head("GET /status"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(answer, HasSubstr("1122334455"));
}

TEST_F(Serving, the_token_may_stand_in_the_query) {
  const std::string line = std::string("GET /status?auth=") + kToken;
  EXPECT_THAT(ask(line + " HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Serving, strangers_get_401_whatever_they_ask_for) {
  for (const char* line :
       {"GET /status", "GET /nope", "DELETE /network/zz", "POST /controller/network"}) {
    const std::string answer = ask(std::string(line) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 401")) << line;
    EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n{}")) << line;
  }
}

TEST_F(Serving, a_foreign_host_name_is_refused) {
  EXPECT_THAT(ask("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
              StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(ask("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Serving, allows_no_other_origin_anything) {
  const std::string answer = ask(head("GET /status", "Origin: http://evil.example\r\n"));
  EXPECT_THAT(answer, ::testing::Not(HasSubstr("Access-Control")));
}

TEST_F(Serving, a_body_of_the_announced_length_is_handed_on) {
  const std::string answer = ask(
      head("POST /controller/network", "Content-Type: application/json\r\nContent-Length: 12\r\n") +
      R"({"name":"x"})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr(R"("name":"x")"));
}

TEST_F(Serving, a_chunked_body_is_handed_on) {
  const std::string answer =
      ask(head("PUT /controller/network",
               "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n") +
          "6\r\n{\"name\r\n6\r\n\":\"y\"}\r\n0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr(R"("name":"y")"));
}

// The genuine software waits for the client to close, and gives up after five seconds (observed).
TEST_F(Serving, a_request_without_a_length_has_no_body_and_is_answered_at_once) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(ask(head("POST /network/8056c2e21c000001")), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(head("DELETE /network/8056c2e21c000001")), HasSubstr(R"({"result":true})"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_F(Serving, a_body_that_ends_early_changes_nothing) {
  Client client(port_);
  client.send(head("POST /controller/network", "Content-Length: 2000\r\n") + "{}");
  client.say_no_more();
  EXPECT_THAT(client.receive(), ::testing::Not(StartsWith("HTTP/1.1 200")));
  EXPECT_EQ(ask(head("GET /controller/network")).substr(9, 3), "200");
  EXPECT_THAT(ask(head("GET /controller/network")), ::testing::EndsWith("[]"));
}

TEST_F(Serving, a_body_that_is_too_long_is_refused_unread) {
  const std::string answer =
      ask(head("POST /controller/network", "Content-Length: 99999999\r\n") + "{");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413"));
}

TEST_F(Serving, a_long_form_is_refused_and_short_ones_are_read) {
  const std::string form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ";
  const std::string long_one(9000, ' ');
  EXPECT_THAT(ask(head("POST /controller/network", form + "9000\r\n") + long_one),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask(head("POST /controller/network", form + "2\r\n") + "{}"),
              StartsWith("HTTP/1.1 200"));
}

TEST_F(Serving, chunks_without_end_are_cut_off) {
  Client client(port_);
  client.send(head("POST /controller/network", "Transfer-Encoding: chunked\r\n"));
  const std::string chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  bool is_taken = true;
  for (std::size_t sent = 0; is_taken && sent < 4 * kMaxBody; sent += chunk.size()) {
    is_taken = client.send(chunk);
  }
  EXPECT_THAT(client.receive(), ::testing::Not(StartsWith("HTTP/1.1 200")));
}

TEST_F(Serving, a_head_without_end_is_cut_off) {
  Client client(port_);
  std::string text = "GET /health HTTP/1.1\r\nHost: localhost\r\n";
  while (text.size() < 2 * Connection::kMaxHead) text += "X-More: abcdefghijklmnopqrstuvwxyz\r\n";
  client.send(text);
  EXPECT_THAT(client.receive(), ::testing::Not(StartsWith("HTTP/1.1 200")));
}

TEST_F(Serving, what_is_no_http_is_refused) {
  EXPECT_THAT(ask("\x16\x03\x01 hello\r\n\r\n"), ::testing::Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(ask(head("BREW /coffee")), StartsWith("HTTP/1.1 400"));
}

TEST_F(Serving, silent_clients_do_not_keep_it_from_ending) {
  std::vector<Client> silent;
  for (int i = 0; i < 12; ++i) silent.emplace_back(port_);
  const auto start = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(Serving, two_services_do_not_share_a_port_unnoticed) {
  ApiWorld other;
  const auto second =
      Server::start({{*IpAddress::parse("127.0.0.1"), port_}}, {kToken, "", {}}, other);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), HasSubstr(std::to_string(port_)));
}

}  // namespace
}  // namespace ztshim::api
