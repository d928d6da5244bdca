// ztshim root: a root of a private world, for real deployments.
#include <fmt/core.h>

#include "service/cli/foreground.h"
#include "service/host/random.h"

namespace ztshim::cli {
namespace {

// The protocol's well-known port: a root is found by its address, so that should be plain.
constexpr std::uint16_t kRootPort = 9993;

struct Options : HomeOptions {
  BindOptions bind;
  std::vector<std::string> advertise;
  std::uint16_t port = kRootPort;
};

int root(Options options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto bind = options.bind.parse();
  if (!bind) return fail(bind.error(), kWrongUsage);
  std::vector<Endpoint> public_endpoints;
  for (const std::string& text : options.advertise) {
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint || endpoint->port == 0) {
      return fail(fmt::format("--advertise {}: ADDR:PORT is wanted", text), kWrongUsage);
    }
    public_endpoints.push_back(*endpoint);
  }
  auto files = host::HomeFiles::open(options.home);
  if (!files) return fail(files.error());
  host::SystemRandom random;
  ServiceOptions wanted;
  wanted.home = options.home;
  wanted.bind = *bind;
  wanted.port = options.port;
  wanted.make_planet = [&](const Identity& identity, const std::vector<Endpoint>& bound) {
    return own_planet(*files, identity,
                      public_endpoints.empty() ? advertised(bound) : public_endpoints, random);
  };
  auto service = Service::start(std::move(wanted));
  if (!service) return fail(service.error().reason);
  auto api = options.bind.start_api(**service);
  fmt::print("ready root={} planet={}/planet\n", (*service)->node().vl1().address().text(),
             options.home);
  std::fflush(stdout);
  return run_in_foreground(**service, std::move(api));
}

}  // namespace

void add_root(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand(
      "root", "A root of a private world; writes HOME/planet for the other nodes");
  const auto options = std::make_shared<Options>();
  options->add_home(*command);
  options->bind.add(*command, "Physical address to use (default: all)");
  command->add_option("--port", options->port, "Physical UDP port (9993)");
  command
      ->add_option("--advertise", options->advertise,
                   "Where others reach this root, if not at the addresses it has itself")
      ->type_name("ADDR:PORT");
  command->callback([options, &chosen] { chosen = [options] { return root(*options); }; });
}

}  // namespace ztshim::cli
