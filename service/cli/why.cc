// ztshim why: which way a connection to a destination would go, and why.
#include <fmt/core.h>
#include <netdb.h>

#include "service/cli/client.h"
#include "service/cli/command.h"

namespace ztshim::cli {
namespace {

struct Options : HomeOptions {
  std::string destination;
};

// HOST:PORT, [ADDR6]:PORT; a name may have several addresses.
Result<std::vector<Endpoint>, std::string> resolve_destination(const std::string& text) {
  if (const auto endpoint = Endpoint::parse(text)) return std::vector{*endpoint};
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0)
    return failure(text + ": HOST:PORT is expected, with [] around an IPv6 address");
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(text.substr(0, colon).c_str(), text.substr(colon + 1).c_str(), &wanted, &found);
  if (error != 0) return failure(text + ": " + gai_strerror(error));
  std::vector<Endpoint> endpoints;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const auto endpoint = Endpoint::from_sockaddr(at->ai_addr, at->ai_addrlen);
    if (endpoint) endpoints.push_back(*endpoint);
  }
  freeaddrinfo(found);
  return endpoints;
}

void print(const Json& answer) {
  fmt::print("{}: {}: {}\n", answer.value("destination", ""), answer.value("way", ""),
             answer.value("reason", ""));
  if (const auto via = answer.find("via"); via != answer.end()) {
    const std::string name = via->value("name", ""), member = via->value("member", "");
    // The virtual loopback is an interface of no network.
    const std::string network = via->value("network", "");
    fmt::print("  {}{}interface {}, from {}, next hop {}{}\n",
               network.empty() ? "" : "network " + network,
               network.empty() ? "" : (name.empty() ? "" : " (" + name + ")") + ", ",
               via->value("interface", ""), via->value("source", ""), via->value("nextHop", ""),
               member.empty() ? "" : " = member " + member);
  }
  if (answer.value("networksComingUp", false))
    fmt::print("  networks are still coming up: this may change\n");
}

int why(Options options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto endpoints = resolve_destination(options.destination);
  if (!endpoints) return fail(endpoints.error(), kWrongUsage);
  auto client = Client::connect(options.home);
  if (!client) return fail(client.error());
  if (!*client) return fail(options.home + ": no service runs there");
  Json all = Json::array();
  for (const Endpoint& endpoint : *endpoints) {
    auto answer = (*client)->why(endpoint);
    if (!answer) return fail(answer.error());
    if (!options.json) print(*answer);
    all.push_back(std::move(*answer));
  }
  if (options.json) print_json(all);
  return kDone;
}

}  // namespace

void add_why(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("why", "Which way a connection would go, and why");
  const auto options = std::make_shared<Options>();
  options->add_home(*command);
  options->add_json(*command);
  command->add_option("destination", options->destination, "HOST:PORT")->required();
  command->callback([options, &chosen] { chosen = [options] { return why(*options); }; });
}

}  // namespace ztshim::cli
