#include "service/cli/controller_client.h"

#include <fmt/core.h>

#include "service/host/random.h"

namespace ztshim::cli {
namespace {

// What fits into one message to the service beside the rest of it, as hexadecimal digits.
constexpr std::size_t kPartSize = 200;
// The same for a body that travels with its request.
constexpr std::size_t kShortBody = 300;

}  // namespace

Result<ControllerClient, std::string> ControllerClient::connect(const std::string& home) {
  auto client = Client::connect(home);
  if (!client) return failure(client.error());
  if (!*client) {
    return failure(fmt::format(
        "no controller runs with the home {}: start it with `ztshim controller` or `ztshim lab`, "
        "or name its home with --home",
        home));
  }
  return ControllerClient(std::move(**client));
}

Result<void, std::string> ControllerClient::send_parts(const std::string& text,
                                                       const std::string& number) {
  for (std::size_t at = 0; at < text.size(); at += kPartSize) {
    const auto part = client_.administer(
        {{"part", to_hex(as_bytes(std::string_view(text).substr(at, kPartSize)))}, {"of", number}});
    if (!part) return failure(part.error());
  }
  return {};
}

Result<Json, std::string> ControllerClient::ask(Json request, const Json* body,
                                                const std::string& absent) {
  if (body != nullptr) {
    const std::string text = body->dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() <= kShortBody) {
      request["body"] = *body;
    } else {
      host::SystemRandom random;
      const std::string number = to_hex(random.number(), 16);
      if (auto sent = send_parts(text, number); !sent) return failure(sent.error());
      request["bodyOf"] = number;
    }
  }
  const auto answer = client_.administer(request);
  if (!answer) return answer;
  const int status = answer->value("status", 0);
  Json content = answer->value("body", Json());
  if (status == 200) return content;
  if (status == 404) return failure(absent);
  const std::string description = content.is_object() ? content.value("description", "") : "";
  return failure(description.empty() ? fmt::format("the controller answers {}", status)
                                     : description);
}

Result<Json, std::string> ControllerClient::get(const std::string& path,
                                                const std::string& absent) {
  return ask({{"method", "GET"}, {"path", path}}, nullptr, absent);
}

Result<Json, std::string> ControllerClient::post(const std::string& path, const Json& body,
                                                 const std::string& absent) {
  return ask({{"method", "POST"}, {"path", path}}, &body, absent);
}

Result<Json, std::string> ControllerClient::remove(const std::string& path,
                                                   const std::string& absent) {
  return ask({{"method", "DELETE"}, {"path", path}}, nullptr, absent);
}

int ask_controller(HomeOptions options,
                   const std::function<Result<Json, std::string>(ControllerClient&)>& doing,
                   const std::function<void(const Json&)>& print) {
  if (const auto resolved = options.resolve(); !resolved) {
    return fail(resolved.error(), kWrongUsage);
  }
  auto client = ControllerClient::connect(options.home);
  if (!client) return fail(client.error());
  const auto answer = doing(*client);
  if (!answer) return fail(answer.error());
  if (options.json) {
    print_json(*answer);
  } else {
    print(*answer);
  }
  return kDone;
}

Result<void, std::string> check_network(const std::string& text) {
  if (NetworkId::parse(text)) return {};
  return failure(fmt::format("\"{}\" is no network: sixteen hexadecimal digits are", text));
}

Result<void, std::string> check_member(const std::string& text) {
  const auto address = Address::parse(text);
  if (address && !address->is_reserved()) return {};
  return failure(
      fmt::format("\"{}\" is no member: the ten hexadecimal digits of a node's address are", text));
}

Result<void, std::string> add_fields(Json& to, const std::vector<std::string>& assignments) {
  for (const std::string& assignment : assignments) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      return failure(fmt::format("\"{}\": KEY=VALUE is wanted", assignment));
    }
    const std::string value = assignment.substr(equals + 1);
    Json json = Json::parse(value, nullptr, false);
    to[assignment.substr(0, equals)] = json.is_discarded() ? Json(value) : std::move(json);
  }
  return {};
}

std::optional<bool> parse_switch(const std::string& text) {
  if (text == "on" || text == "yes" || text == "true" || text == "1") return true;
  if (text == "off" || text == "no" || text == "false" || text == "0") return false;
  return std::nullopt;
}

}  // namespace ztshim::cli
