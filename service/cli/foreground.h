// What the long-running subcommands share: options for the physical side, and running a service
// until a signal ends it.
#pragma once

#include <string>
#include <vector>

#include "service/cli/command.h"
#include "service/cli/local_api.h"
#include "service/service.h"

namespace ztshim::cli {

// --bind ADDR[:PORT]… and --no-api
struct BindOptions {
  std::vector<std::string> texts;
  bool without_api = false;
  // Null with --no-api.
  std::unique_ptr<LocalApi> start_api(Service& service) const;
  void add(CLI::App& command, const char* help);
  // ADDR, ADDR:PORT or [ADDR]:PORT; port 0 where none is given.
  Result<std::vector<Endpoint>, std::string> parse() const;
};

// Turns the service until SIGINT or SIGTERM, then ends its local API (which may be null); the exit
// code. The API is started before anything is announced: whoever reads "ready" may use it.
int run_in_foreground(Service& service, std::unique_ptr<LocalApi> api);

// A planet in which this node is a root: the home's, revised when its endpoints have changed, or a
// new one signed with the home's planet.key. For ServiceOptions::make_planet.
Result<World, std::string> own_planet(const host::HomeFiles& files, const Identity& identity,
                                      const std::vector<Endpoint>& endpoints, RandomSource& random);

// Where the node's clients can reach it when it is bound to `bound`.
std::vector<Endpoint> advertised(const std::vector<Endpoint>& bound);

}  // namespace ztshim::cli
