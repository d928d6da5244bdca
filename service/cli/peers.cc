// ztshim peers: the nodes this one knows and how it reaches them.
#include <fmt/core.h>

#include "service/cli/client.h"
#include "service/cli/command.h"

namespace ztshim::cli {
namespace {

std::string preferred_path(const Json& peer) {
  for (const Json& path : peer.value("paths", Json::array())) {
    if (path.value("preferred", false)) return path.value("address", "");
  }
  return "relayed";
}

int peers(HomeOptions options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto list = facts(options.home, rpc::Section::Peers);
  if (!list) return fail(list.error());
  if (options.json) return print_json(*list), kDone;
  std::vector<std::vector<std::string>> rows{{"ADDRESS", "VERSION", "ROLE", "LATENCY", "PATH"}};
  for (const Json& peer : *list) {
    const int latency = peer.value("latency", -1);
    rows.push_back({peer.value("address", ""),
                    peer.value("versionMajor", -1) < 0 ? "-" : peer.value("version", ""),
                    peer.value("role", ""), latency < 0 ? "-" : fmt::format("{} ms", latency),
                    preferred_path(peer)});
  }
  print_table(rows);
  return kDone;
}

}  // namespace

void add_peers(CLI::App& app, Action& chosen) {
  auto* const command =
      app.add_subcommand("peers", "The nodes this one knows and how it reaches them");
  const auto options = std::make_shared<HomeOptions>();
  options->add_home(*command);
  options->add_json(*command);
  command->callback([options, &chosen] { chosen = [options] { return peers(*options); }; });
}

}  // namespace ztshim::cli
