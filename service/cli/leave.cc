// ztshim leave: the end of a membership, on the running service or in the files of an idle home.
#include <fmt/core.h>

#include "service/cli/client.h"
#include "service/cli/command.h"
#include "service/host/state_store.h"

namespace ztshim::cli {
namespace {

int leave(HomeOptions options, const std::string& text) {
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
    if (const auto left = (*client)->leave(network->number()); !left) return fail(left.error());
    return kDone;
  }
  auto files = host::HomeFiles::open_existing(options.home);
  if (!files) return fail(files.error());
  host::StateStore(std::move(*files)).remove_network(*network);
  return kDone;
}

}  // namespace

void add_leave(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("leave", "Leave a network and forget it");
  const auto options = std::make_shared<HomeOptions>();
  const auto network = std::make_shared<std::string>();
  options->add_home(*command);
  command->add_option("network", *network, "Network ID")->required()->type_name("NETWORK");
  command->callback([options, network, &chosen] {
    chosen = [options, network] { return leave(*options, *network); };
  });
}

}  // namespace ztshim::cli
