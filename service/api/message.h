// A request to the local API and its answer, as values: what HTTP made of them is the server's
// business. Notes: controller.md 8, 10.
#pragma once

#include <map>
#include <string>

#include "common/endpoint.h"

namespace ztshim::api {

struct Request {
  std::string method;  // "GET", "POST", "PUT", "DELETE"
  std::string path;    // without the query
  std::map<std::string, std::string> query;
  std::string body;
  // What access depends on.
  IpAddress client;
  std::string host;                // the Host header; empty: none
  std::string token;               // X-ZT1-Auth
  std::string authorization;       // "Bearer …"
  std::string content_type;        // as given
  std::size_t content_length = 0;  // as announced, before the body was read
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";

  static Response json(std::string text) { return {200, std::move(text), "application/json"}; }
  // Only the number: nothing else of it is promised to anybody.
  static Response bare(int status) { return {status, {}, {}}; }
};

// Larger bodies are refused. A network with as many rules, capabilities, tags and routes as fit
// into a configuration stays well below.
inline constexpr std::size_t kMaxBody = std::size_t{4} << 20;
// The same for forms, which some tools send when nobody tells them otherwise. Observed.
inline constexpr std::size_t kMaxForm = 8192;

}  // namespace ztshim::api
