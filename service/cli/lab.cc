// ztshim lab: a whole private world on this machine: one node that is root and controller, with one
// network. A second start on the same directory gives the same world, at the same port.
#include <fmt/core.h>

#include "service/cli/foreground.h"
#include "service/cli/world_file.h"
#include "service/cli/world_network.h"
#include "service/host/random.h"

namespace ztshim::cli {
namespace {

constexpr const char* kDefaultPool = "10.147.17.0/24";

struct Options : HomeOptions {
  BindOptions bind;
  NetworkOptions network;
};

// Where the world in the directory says its root is; nothing before the first start.
std::vector<Endpoint> endpoints_of_last_start(const host::HomeFiles& files) {
  const auto content = files.read("planet");
  if (!content || !*content) return {};
  const auto planet = World::parse(**content);
  if (!planet || planet->roots.empty()) return {};
  return planet->roots.front().endpoints;
}

// What was not asked for stays as it was: the port always, the address unless --bind is given.
std::vector<Endpoint> choose_bind(const std::vector<Endpoint>& asked,
                                  const std::vector<Endpoint>& last) {
  if (asked.empty()) {
    return last.empty() ? std::vector<Endpoint>{{*IpAddress::parse("127.0.0.1"), 0}} : last;
  }
  std::vector<Endpoint> chosen = asked;
  for (Endpoint& endpoint : chosen) {
    if (endpoint.port == 0 && !last.empty()) endpoint.port = last.front().port;
  }
  return chosen;
}

// One word of a shell assignment.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

Result<void, std::string> write_env(const host::HomeFiles& files, NetworkId network) {
  const std::string text = fmt::format("ZTSHIM_PLANET={}\nZTSHIM_NETWORK={}\n",
                                       quoted(files.path_of("planet")), network.text());
  return files.write("env", as_bytes(text), host::kPublicFile);
}

int lab(Options options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto bind = options.bind.parse();
  if (!bind) return fail(bind.error(), kWrongUsage);
  if (const auto fields = options.network.fields(kDefaultPool); !fields) {
    return fail(fields.error(), kWrongUsage);
  }
  auto files = host::HomeFiles::open(options.home);
  if (!files) return fail(files.error());
  host::SystemRandom random;
  ServiceOptions wanted;
  wanted.home = options.home;
  wanted.bind = choose_bind(*bind, endpoints_of_last_start(*files));
  wanted.run_controller = true;
  wanted.make_planet = [&](const Identity& identity, const std::vector<Endpoint>& bound) {
    return own_planet(*files, identity, advertised(bound), random);
  };
  auto service = Service::start(std::move(wanted));
  if (!service) return fail(service.error().reason);
  Result<NetworkId, std::string> network = NetworkId();
  (*service)->change([&](Node& node, Now now, Outbox& out) {
    network = ensure_network(*node.controller(), now, options.network, kDefaultPool, out);
  });
  if (!network) return fail(network.error());
  if (const auto written = write_env(*files, *network); !written) return fail(written.error());
  auto api = options.bind.start_api(**service);
  fmt::print("ready network={} planet={}\n", network->text(), files->path_of("planet"));
  std::fflush(stdout);
  return run_in_foreground(**service, std::move(api));
}

}  // namespace

void add_lab(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand(
      "lab", "A private world on this machine: root, controller and one network");
  const auto options = std::make_shared<Options>();
  options->add_home(*command);
  options->bind.add(*command, "Physical address of the root (default: 127.0.0.1)");
  options->network.add(*command);
  command->callback([options, &chosen] { chosen = [options] { return lab(*options); }; });
}

}  // namespace ztshim::cli
