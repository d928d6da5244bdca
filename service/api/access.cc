#include "service/api/access.h"

#include <algorithm>
#include <array>

#include "common/bytes.h"

namespace ztshim::api {
namespace {

constexpr std::string_view kBearer = "Bearer ";

Response unauthorized() { return {401, "{}", "application/json"}; }

bool is_equal(std::string_view given, const std::string& secret) {
  return !secret.empty() && equal_constant_time(as_bytes(given), as_bytes(secret));
}

// Every place where a request may carry its token.
std::array<std::string_view, 3> tokens_of(const Request& request) {
  const auto in_query = request.query.find("auth");
  std::string_view bearer = request.authorization;
  if (bearer.starts_with(kBearer)) {
    bearer.remove_prefix(kBearer.size());
  } else {
    bearer = {};
  }
  return {request.token, in_query == request.query.end() ? std::string_view() : in_query->second,
          bearer};
}

bool is_open(const std::string& path) {
  return path == "/health" || path == "/sso" || path.starts_with("/app");
}

}  // namespace

bool is_own_name(const std::string& host) {
  if (host.empty()) return true;
  std::string_view name = host;
  if (name.front() == '[') {
    const auto end = name.find(']');
    if (end == std::string_view::npos) return false;
    return IpAddress::parse(name.substr(1, end - 1)).has_value();
  }
  name = name.substr(0, name.find(':'));
  if (name == "localhost") return true;
  return IpAddress::parse(name).has_value();
}

bool Access::admits(const IpAddress& client) const {
  const IpAddress ip = client.unmapped();
  return ip.is_loopback() || std::any_of(management.begin(), management.end(),
                                         [&](const IpPrefix& range) { return range.contains(ip); });
}

bool Access::has_token(const Request& request) const {
  const auto given = tokens_of(request);
  return std::any_of(given.begin(), given.end(),
                     [this](std::string_view text) { return is_equal(text, token); });
}

std::optional<Response> Access::refuse(const Request& request) const {
  if (!is_own_name(request.host)) return Response{403, "{}", "application/json"};
  if (request.path == "/metrics") {
    const auto given = tokens_of(request);
    const bool is_known = std::any_of(given.begin(), given.end(), [this](std::string_view text) {
      return is_equal(text, token) || is_equal(text, metrics_token);
    });
    if (!is_known) return unauthorized();
  } else {
    if (!admits(request.client)) return unauthorized();
    if (!is_open(request.path) && !has_token(request)) return unauthorized();
  }
  const bool is_form = request.content_type.starts_with("application/x-www-form-urlencoded");
  if (request.content_length > (is_form ? kMaxForm : kMaxBody)) return Response::bare(413);
  // Nothing here is a form with files; httplib would take it apart.
  if (request.content_type.starts_with("multipart/")) return Response::bare(415);
  return std::nullopt;
}

}  // namespace ztshim::api
