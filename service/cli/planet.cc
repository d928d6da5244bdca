// ztshim planet: making, showing, revising and using the signed list of roots.
#include <fmt/core.h>

#include "service/cli/client.h"
#include "service/cli/world_commands.h"
#include "service/cli/world_file.h"
#include "service/host/home_lock.h"
#include "service/host/random.h"
#include "service/host/state_store.h"

namespace ztshim::cli {
namespace {

int make(const WorldOptions& options) {
  auto roots = parse_roots(options.roots);
  if (!roots) return fail(roots.error());
  host::SystemRandom random;
  const auto signer = load_or_make_signer(options.key, random);
  if (!signer) return fail(signer.error());
  return publish(options, make_planet(std::move(*roots), *signer, random));
}

// A file, else what the home's node starts with: its own planet, or the built-in one.
int show(WorldOptions options) {
  if (!options.world.empty()) {
    const auto world = host::read_world_file(options.world);
    return world ? print_world(*world, options.json) : fail(world.error());
  }
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto present = read_file(options.home + "/planet");
  if (!present) return print_world(World::default_planet(), options.json);
  const auto world = World::parse(*present);
  if (!world) return fail(fmt::format("{}/planet is damaged", options.home));
  return print_world(*world, options.json);
}

// A home at rest takes any planet. A running node takes a newer revision of its own, and passes it
// on when it is a root.
int use(WorldOptions options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto world = host::read_world_file(options.world);
  if (!world) return fail(world.error());
  if (world->type != WorldType::Planet) return fail(fmt::format("{} is a moon", options.world));
  auto client = Client::connect(options.home);
  if (!client) return fail(client.error());
  if (*client) {
    const auto taken = (*client)->administer({{"do", "planet"}, {"file", absolute(options.world)}});
    if (!taken) return fail(taken.error());
  } else {
    auto files = host::HomeFiles::open(options.home);
    if (!files) return fail(files.error());
    const auto lock = host::HomeLock::acquire(*files);
    if (!lock) return fail(lock.error());
    if (!*lock) return fail(fmt::format("{} is being started or stopped: try again", options.home));
    if (const auto written = files->write("planet", world->bytes(), host::kPublicFile); !written) {
      return fail(written.error());
    }
  }
  return print_world(*world, options.json);
}

}  // namespace

void add_planet(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("planet", "The signed list of roots");
  command->require_subcommand(1);
  const auto options = std::make_shared<WorldOptions>();
  options->out = "planet";
  options->key = "planet.key";

  auto* const make_command = command->add_subcommand("make", "A new planet");
  options->add_roots(*make_command, "A root: its identity file and where it can be reached");
  make_command->get_option("--root")->required();
  options->add_key(*make_command, "Signing key; made when missing (planet.key)");
  options->add_out(*make_command, "The planet's file (planet)");
  make_command->callback([options, &chosen] { chosen = [options] { return make(*options); }; });

  auto* const sign_command = command->add_subcommand("sign", "The next revision of a planet");
  sign_command->add_option("world", options->world, "The present revision")->required();
  options->add_roots(*sign_command, "Roots from now on (default: as before)");
  options->add_key(*sign_command, "Signing key (planet.key)");
  options->add_out(*sign_command, "The planet's file (planet)");
  sign_command->callback([options, &chosen] {
    chosen = [options] { return sign_world(*options, WorldType::Planet); };
  });

  auto* const show_command =
      command->add_subcommand("show", "What a world file says, or which planet a home has");
  show_command->add_option("world", options->world, "World file instead of the home's");
  options->add_home(*show_command);
  show_command->callback([options, &chosen] { chosen = [options] { return show(*options); }; });

  auto* const use_command = command->add_subcommand(
      "use", "Give a planet to a home; a running node takes newer revisions of its own");
  use_command->add_option("world", options->world, "Planet file")->required();
  options->add_home(*use_command);
  use_command->callback([options, &chosen] { chosen = [options] { return use(*options); }; });

  for (auto* const each : {make_command, sign_command, show_command, use_command}) {
    options->add_json(*each);
  }
}

}  // namespace ztshim::cli
