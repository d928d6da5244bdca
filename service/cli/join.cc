// ztshim join: membership for good, on the running service or in the files of an idle home.
#include <fmt/core.h>

#include "service/cli/client.h"
#include "service/cli/command.h"
#include "service/host/state_store.h"

namespace ztshim::cli {
namespace {

int join(HomeOptions options, const std::string& text) {
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
    return kDone;
  }
  auto files = host::HomeFiles::open(options.home);
  if (!files) return fail(files.error());
  if (const auto added = host::StateStore(std::move(*files)).add_network(*network); !added) {
    return fail(added.error());
  }
  return kDone;
}

}  // namespace

void add_join(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("join", "Join a network for good");
  const auto options = std::make_shared<HomeOptions>();
  const auto network = std::make_shared<std::string>();
  options->add_home(*command);
  command->add_option("network", *network, "Network ID")->required()->type_name("NETWORK");
  command->callback([options, network, &chosen] {
    chosen = [options, network] { return join(*options, *network); };
  });
}

}  // namespace ztshim::cli
