// ztshim controller: a controller of networks, for real deployments; with a subcommand, the
// administration of one that runs.
#include <fmt/core.h>

#include "common/config.h"
#include "service/cli/controller_commands.h"
#include "service/cli/foreground.h"
#include "service/cli/world_network.h"

namespace ztshim::cli {
namespace {

constexpr const char* kDefaultPool = "10.147.17.0/24";

struct Options : HomeOptions {
  BindOptions bind;
  NetworkOptions network;
  std::string planet;
  std::optional<std::uint16_t> port;
};

int control(Options options) {
  const auto config = Config::from_environment();
  if (!config) return fail(config.error(), kWrongUsage);
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto bind = options.bind.parse();
  if (!bind) return fail(bind.error(), kWrongUsage);
  if (const auto fields = options.network.fields(kDefaultPool); !fields) {
    return fail(fields.error(), kWrongUsage);
  }
  ServiceOptions wanted;
  wanted.home = options.home;
  wanted.planet = options.planet.empty() ? config->planet : options.planet;
  wanted.bind = *bind;
  wanted.port = options.port.value_or(config->port);
  wanted.run_controller = true;
  auto service = Service::start(std::move(wanted));
  if (!service) return fail(service.error().reason);
  Result<NetworkId, std::string> network = NetworkId();
  (*service)->change([&](Node& node, Now now, Outbox& out) {
    network = ensure_network(*node.controller(), now, options.network, kDefaultPool, out);
  });
  if (!network) return fail(network.error());
  auto api = options.bind.start_api(**service);
  fmt::print("ready network={} controller={}\n", network->text(),
             (*service)->node().vl1().address().text());
  std::fflush(stdout);
  return run_in_foreground(**service, std::move(api));
}

}  // namespace

void add_controller(CLI::App& app, Action& chosen) {
  auto* const command =
      app.add_subcommand("controller", "A controller of networks, with one to begin with");
  const auto options = std::make_shared<Options>();
  options->add_home(*command);
  options->bind.add(*command, "Physical address to use (default: all)");
  options->network.add(*command);
  command->add_option("--planet", options->planet, "Planet file (ZTSHIM_PLANET)")
      ->type_name("FILE");
  command->add_option("--port", options->port, "Physical UDP port, 0 for any (ZTSHIM_PORT)");
  add_network_commands(*command, chosen);
  add_member_commands(*command, chosen);
  add_rules_commands(*command, chosen);
  command->require_subcommand(0, 1);
  // A parent's callback runs after its subcommand's.
  command->callback([options, command, &chosen] {
    if (command->get_subcommands().empty()) chosen = [options] { return control(*options); };
  });
}

}  // namespace ztshim::cli
