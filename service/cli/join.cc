// ztshim join: membership for good, and what is admitted from the network's controller, on the
// running service or in the files of an idle home.
#include <fmt/core.h>

#include "service/cli/client.h"
#include "service/cli/command.h"
#include "service/host/local_settings.h"
#include "service/host/state_store.h"

namespace ztshim::cli {
namespace {

// The settings of a joined network in the files.
Result<void, std::string> save_settings(const host::StateStore& store, NetworkId id,
                                        const std::vector<std::string>& assignments) {
  if (assignments.empty()) return {};
  for (auto& network : store.load_networks()) {
    if (network.id != id) continue;
    if (auto applied = host::apply_local_settings(network.settings, assignments); !applied) {
      return applied;
    }
    return store.save_settings(id, network.settings);
  }
  return {};
}

int join(HomeOptions options, const std::string& text,
         const std::vector<std::string>& assignments) {
  vl2::LocalSettings probe;
  if (const auto good = host::apply_local_settings(probe, assignments); !good) {
    return fail(good.error(), kWrongUsage);
  }
  const auto network = NetworkId::parse(text);
  if (!network || !*network) {
    return fail(fmt::format("\"{}\" is no network: sixteen hexadecimal digits are", text),
                kWrongUsage);
  }
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  auto client = Client::connect(options.home);
  if (!client) return fail(client.error());
  if (*client) {
    if (const auto joined = (*client)->join(network->number()); !joined)
      return fail(joined.error());
    if (assignments.empty()) return kDone;
    const auto changed =
        (*client)->administer({{"network", network->text()}, {"settings", assignments}});
    return changed ? kDone : fail(changed.error());
  }
  auto files = host::HomeFiles::open(options.home);
  if (!files) return fail(files.error());
  const host::StateStore store(std::move(*files));
  if (const auto added = store.add_network(*network); !added) return fail(added.error());
  if (const auto saved = save_settings(store, *network, assignments); !saved) {
    return fail(saved.error());
  }
  return kDone;
}

}  // namespace

void add_join(CLI::App& app, Action& chosen) {
  auto* const command =
      app.add_subcommand("join", "Join a network for good, or change what it may do");
  const auto options = std::make_shared<HomeOptions>();
  const auto network = std::make_shared<std::string>();
  const auto settings = std::make_shared<std::vector<std::string>>();
  options->add_home(*command);
  command->add_option("network", *network, "Network ID")->required()->type_name("NETWORK");
  command
      ->add_option("setting", *settings,
                   "What its controller may do: allowManaged, allowGlobal, allowDefault, allowDNS; "
                   "for a joined network, changes them")
      ->type_name("KEY=1|0");
  command->callback([options, network, settings, &chosen] {
    chosen = [options, network, settings] { return join(*options, *network, *settings); };
  });
}

}  // namespace ztshim::cli
