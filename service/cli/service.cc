// ztshim service: the service in the foreground, for any number of programs with this home.
#include "service/service.h"

#include <fmt/core.h>

#include "common/config.h"
#include "service/cli/foreground.h"

namespace ztshim::cli {
namespace {

struct Options : HomeOptions {
  BindOptions bind;
  std::string planet;
  std::optional<std::uint16_t> port;
  std::vector<uid_t> allowed_uids;
};

int serve(Options options) {
  const auto config = Config::from_environment();
  if (!config) return fail(config.error(), kWrongUsage);
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto bind = options.bind.parse();
  if (!bind) return fail(bind.error(), kWrongUsage);
  ServiceOptions wanted;
  wanted.home = options.home;
  wanted.planet = options.planet.empty() ? config->planet : options.planet;
  wanted.bind = *bind;
  wanted.port = options.port.value_or(config->port);
  wanted.networks = config->networks;
  wanted.allowed_uids = options.allowed_uids;
  auto service = Service::start(std::move(wanted));
  if (!service) return fail(service.error().reason);
  auto api = options.bind.start_api(**service);
  return run_in_foreground(**service, std::move(api));
}

}  // namespace

void add_service(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand(
      "service", "The service in the foreground, for many programs with this home");
  const auto options = std::make_shared<Options>();
  options->add_home(*command);
  options->bind.add(*command, "Physical address to use (default: all)");
  command->add_option("--planet", options->planet, "Planet file (ZTSHIM_PLANET)")
      ->type_name("FILE");
  command->add_option("--port", options->port, "Physical UDP port, 0 for any (ZTSHIM_PORT)");
  command
      ->add_option("--allow-uid", options->allowed_uids,
                   "User whose programs may use this node as well, by number (may be repeated)")
      ->type_name("UID")
      ->allow_extra_args(false);
  command->callback([options, &chosen] { chosen = [options] { return serve(*options); }; });
}

}  // namespace ztshim::cli
