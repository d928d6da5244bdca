// ztshim moon: worlds beside the planet, whose roots a node uses as well: making and revising them,
// and which of them a node has.
#include <fmt/core.h>

#include "service/cli/client.h"
#include "service/cli/world_commands.h"
#include "service/cli/world_file.h"
#include "service/host/home_lock.h"
#include "service/host/random.h"
#include "service/host/state_store.h"

namespace ztshim::cli {
namespace {

struct Options : WorldOptions {
  std::string id, seed;
};

int make(Options options) {
  auto roots = parse_roots(options.roots);
  if (!roots) return fail(roots.error());
  // By convention a moon is named after its first root (vl1-packets 8.3).
  std::uint64_t id = roots->front().identity.address().number();
  if (!options.id.empty()) {
    const auto given = parse_world_id(options.id);
    if (!given) return fail(given.error(), kWrongUsage);
    id = *given;
  }
  host::SystemRandom random;
  const auto signer = load_or_make_signer(options.key, random);
  if (!signer) return fail(signer.error());
  if (options.out.empty()) options.out = to_hex(id, 16) + ".moon";
  return publish(options, make_moon(id, std::move(*roots), *signer));
}

int sign(Options options) {
  if (options.out.empty()) options.out = options.world;
  return sign_world(options, WorldType::Moon);
}

int show(const Options& options) {
  const auto world = host::read_world_file(options.world);
  return world ? print_world(*world, options.json) : fail(world.error());
}

// The home's moons when nobody hosts it.
Result<Json, std::string> idle(const Options& options, const Json& request) {
  auto files = host::HomeFiles::open(options.home);
  if (!files) return failure(files.error());
  const auto lock = host::HomeLock::acquire(*files);
  if (!lock) return failure(lock.error());
  if (!*lock) {
    return failure(fmt::format("{} is being started or stopped: try again", options.home));
  }
  const host::StateStore store(std::move(*files));
  const std::string what = request.value("do", "");
  if (what == "deorbit") {
    store.files().remove("moons.d/" + request.value("id", "") + ".moon");
    return Json::object();
  }
  if (what == "orbit") {
    if (!request.contains("file")) {
      return failure(
          std::string("a moon is fetched from its seed by a running node: start one, "
                      "or give the moon's file"));
    }
    const auto moon = host::read_world_file(request.value("file", ""));
    if (!moon) return failure(moon.error());
    const auto stored = store.apply({StoredKind::Moon, moon->id, 0, false, moon->bytes()});
    if (!stored) return failure(stored.error());
    return Json::object();
  }
  Json moons = Json::array();
  for (const World& moon : store.load_moons()) moons.push_back(world_json(moon));
  return Json{{"moons", std::move(moons)}};
}

Result<Json, std::string> ask(const Options& options, const Json& request) {
  auto client = Client::connect(options.home);
  if (!client) return failure(client.error());
  return *client ? (*client)->administer(request) : idle(options, request);
}

int orbit(Options options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  Json request{{"do", "orbit"}};
  // A file has a name that no number has, or it is there.
  if (const auto file = read_file(options.world); file) {
    const auto moon = World::parse(*file);
    if (!moon || moon->type != WorldType::Moon) {
      return fail(fmt::format("{} is no moon", options.world));
    }
    request["file"] = absolute(options.world);
    request["id"] = to_hex(moon->id, 16);
  } else {
    const auto id = parse_world_id(options.world);
    if (!id) return fail(id.error() + ", and no file has that name", kWrongUsage);
    // A moon is usually named after its first root, which is then as good a seed as any.
    const auto seed = Address::parse(options.seed.empty() ? to_hex(*id, 10) : options.seed);
    if (!seed || seed->is_reserved()) {
      return fail("a seed is the address of one of the moon's roots: ten hexadecimal digits",
                  kWrongUsage);
    }
    request["id"] = to_hex(*id, 16);
    request["seed"] = seed->text();
  }
  const auto answer = ask(options, request);
  if (!answer) return fail(answer.error());
  if (options.json) print_json({{"id", request["id"]}});
  return kDone;
}

int deorbit(Options options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto id = parse_world_id(options.world);
  if (!id) return fail(id.error(), kWrongUsage);
  const auto answer = ask(options, {{"do", "deorbit"}, {"id", to_hex(*id, 16)}});
  if (!answer) return fail(answer.error());
  if (options.json) print_json({{"id", to_hex(*id, 16)}});
  return kDone;
}

int list(Options options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto answer = ask(options, {{"do", "moons"}});
  if (!answer) return fail(answer.error());
  Json moons = answer->value("moons", Json::array());
  for (const Json& wanted : answer->value("wanted", Json::array())) moons.push_back(wanted);
  if (options.json) return print_json(moons), kDone;
  for (const Json& moon : moons) {
    std::string line = moon.value("id", "");
    if (moon.value("waiting", false)) line += " wanted from " + moon.value("seed", "");
    for (const Json& root : moon.value("roots", Json::array())) {
      line += " " + root.value("address", "");
    }
    fmt::print("{}\n", line);
  }
  return kDone;
}

}  // namespace

void add_moon(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("moon", "Roots beside those of the planet");
  command->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  options->key = "moon.key";
  const auto add = [&](const char* name, const char* help, int (*action)(Options)) {
    auto* const made = command->add_subcommand(name, help);
    options->add_json(*made);
    made->callback(
        [options, action, &chosen] { chosen = [options, action] { return action(*options); }; });
    return made;
  };

  auto* const make_command = add("make", "A new moon", make);
  options->add_roots(*make_command, "A root: its identity file and where it can be reached");
  make_command->get_option("--root")->required();
  make_command->add_option("--id", options->id, "Its number (the first root's address)")
      ->type_name("HEX");
  options->add_key(*make_command, "Signing key; made when missing (moon.key)");
  options->add_out(*make_command, "The moon's file (NUMBER.moon)");

  auto* const sign_command = add("sign", "The next revision of a moon", sign);
  sign_command->add_option("world", options->world, "The present revision")->required();
  options->add_roots(*sign_command, "Roots from now on (default: as before)");
  options->add_key(*sign_command, "Signing key (moon.key)");
  options->add_out(*sign_command, "The moon's file (the same)");

  auto* const show_command =
      add("show", "What a moon file says", [](Options given) { return show(given); });
  show_command->add_option("world", options->world, "World file")->required();

  auto* const orbit_command = add("orbit", "Use a moon's roots as well", orbit);
  orbit_command->add_option("moon", options->world, "The moon's number or file")->required();
  orbit_command->add_option("seed", options->seed,
                            "Address of one of its roots (the one it is named after)");
  auto* const deorbit_command = add("deorbit", "Use them no longer", deorbit);
  deorbit_command->add_option("moon", options->world, "The moon's number")->required();
  auto* const list_command = add("list", "The moons this node has", list);
  for (auto* const each : {orbit_command, deorbit_command, list_command}) options->add_home(*each);
}

}  // namespace ztshim::cli
