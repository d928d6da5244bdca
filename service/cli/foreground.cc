#include "service/cli/foreground.h"

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <atomic>

#include "service/cli/world_file.h"
#include "service/host/interfaces.h"

namespace ztshim::cli {
namespace {

std::atomic<Service*> running{nullptr};

void on_signal(int) {
  if (Service* const service = running.load()) service->stop();
}

std::optional<Endpoint> parse_bind(const std::string& text) {
  if (const auto ip = IpAddress::parse(text)) return Endpoint{*ip, 0};
  return Endpoint::parse(text);
}

}  // namespace

void BindOptions::add(CLI::App& command, const char* help) {
  command.add_option("--bind", texts, help)->type_name("ADDR[:PORT]");
  command.add_flag("--no-api", without_api,
                   "No HTTP API on this machine's loopback (TCP, at the number of the UDP port)");
}

Result<std::vector<Endpoint>, std::string> BindOptions::parse() const {
  std::vector<Endpoint> endpoints;
  for (const std::string& text : texts) {
    const auto endpoint = parse_bind(text);
    if (!endpoint) {
      return failure(fmt::format("--bind {}: an address is wanted, with or without :PORT", text));
    }
    endpoints.push_back(*endpoint);
  }
  return endpoints;
}

std::unique_ptr<LocalApi> BindOptions::start_api(Service& service) const {
  return without_api ? nullptr : LocalApi::start(service);
}

int run_in_foreground(Service& service, std::unique_ptr<LocalApi> api) {
  running = &service;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A reader of our output that has gone is no reason to end.
  signal(SIGPIPE, SIG_IGN);
  const auto ended = service.run();
  api.reset();
  running = nullptr;
  return ended ? kDone : fail(ended.error());
}

std::vector<Endpoint> advertised(const std::vector<Endpoint>& bound) {
  auto endpoints = host::reachable_endpoints(bound);
  if (endpoints.size() > World::kMaxEndpoints) endpoints.resize(World::kMaxEndpoints);
  return endpoints;
}

Result<World, std::string> own_planet(const host::HomeFiles& files, const Identity& identity,
                                      const std::vector<Endpoint>& endpoints,
                                      RandomSource& random) {
  if (endpoints.empty()) {
    return failure(std::string("no address at which others could reach this root: use --bind"));
  }
  const std::string key = files.path_of("planet.key");
  const auto content = files.read("planet");
  if (!content) return failure(content.error());
  std::optional<World> present;
  if (*content) {
    const auto parsed = World::parse(**content);
    if (!parsed) {
      const std::string kept = files.set_aside("planet");
      return failure(
          fmt::format("{} is damaged and was kept as {}: put it back from a copy, or start "
                      "again to make a new world",
                      files.path_of("planet"), files.path_of(kept)));
    }
    present = *parsed;
  }
  World planet;
  if (present) {
    const auto own = std::find_if(present->roots.begin(), present->roots.end(),
                                  [&](const WorldRoot& root) { return root.identity == identity; });
    if (own == present->roots.end()) {
      return failure(fmt::format("{} does not name this node ({}) as a root",
                                 files.path_of("planet"), identity.address().text()));
    }
    if (own->endpoints == endpoints) return *present;
    // A planet of several roots is signed elsewhere: it is believed as it is.
    const auto signer = load_signer(key);
    if (!signer || !names_signer(*present, *signer)) return *present;
    own->endpoints = endpoints;
    auto revised = revise(*present, present->roots, *signer);
    if (!revised) return revised;
    planet = *revised;
  } else {
    const auto signer = load_or_make_signer(key, random);
    if (!signer) return failure(signer.error());
    planet = make_planet({{*Identity::parse(identity.text()), endpoints}}, *signer, random);
  }
  if (auto written = files.write("planet", planet.bytes(), host::kPublicFile); !written) {
    return failure(written.error());
  }
  return planet;
}

}  // namespace ztshim::cli
