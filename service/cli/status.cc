// ztshim status: who this node is and how it is doing.
#include <fmt/core.h>

#include "service/cli/client.h"
#include "service/cli/command.h"

namespace ztshim::cli {
namespace {

int status(HomeOptions options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto facts_found = facts(options.home, rpc::Section::Status);
  if (!facts_found) return fail(facts_found.error());
  const Json& json = *facts_found;
  if (options.json) return print_json(json), kDone;
  const bool is_running = json.value("running", false);
  fmt::print("{} {} {}\n", json.value("address", ""), json.value("version", ""),
             !is_running                   ? "not running"
             : json.value("online", false) ? "online"
                                           : "offline");
  for (const Json& network : json.value("networks", Json::array())) {
    std::string addresses;
    for (const Json& address : network.value("addresses", Json::array())) {
      addresses += " " + address.get<std::string>();
    }
    fmt::print("network {} {} {}{}\n", network.value("id", ""), network.value("name", ""),
               network.value("status", ""), addresses);
  }
  return kDone;
}

}  // namespace

void add_status(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("status", "Who this node is and how it is doing");
  const auto options = std::make_shared<HomeOptions>();
  options->add_home(*command);
  options->add_json(*command);
  command->callback([options, &chosen] { chosen = [options] { return status(*options); }; });
}

}  // namespace ztshim::cli
