// ztshim peers: the nodes this one knows and how it reaches them.
#include <fmt/core.h>

#include <algorithm>

#include "service/cli/client.h"
#include "service/cli/command.h"
#include "service/host/clock.h"

namespace ztshim::cli {
namespace {

std::string seconds_since(std::int64_t wall_ms) {
  const std::int64_t now = host::read_clocks().wall_ms;
  return wall_ms == 0 ? "never heard"
                      : fmt::format("{} s ago", std::max<std::int64_t>(0, now - wall_ms) / 1000);
}

// The preferred path first; a peer without any is reached through a root.
std::vector<std::string> paths_of(const Json& peer) {
  std::vector<std::string> lines;
  for (const Json& path : peer.value("paths", Json::array())) {
    const bool preferred = path.value("preferred", false);
    const std::string line = fmt::format("{} {}{}", path.value("address", ""),
                                         seconds_since(path.value("lastReceive", std::int64_t{0})),
                                         path.value("expired", false) ? ", expired" : "");
    lines.insert(preferred ? lines.begin() : lines.end(), line);
  }
  if (lines.empty()) lines.emplace_back("relayed");
  return lines;
}

int peers(HomeOptions options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto list = facts(options.home, rpc::Section::Peers);
  if (!list) return fail(list.error());
  if (options.json) return print_json(*list), kDone;
  std::vector<std::vector<std::string>> rows{{"ADDRESS", "VERSION", "ROLE", "LATENCY", "PATH"}};
  for (const Json& peer : *list) {
    const auto paths = paths_of(peer);
    const int latency = peer.value("latency", -1);
    rows.push_back({peer.value("address", ""),
                    peer.value("versionMajor", -1) < 0 ? "-" : peer.value("version", ""),
                    peer.value("role", ""), latency < 0 ? "-" : fmt::format("{} ms", latency),
                    paths.front()});
    for (std::size_t i = 1; i < paths.size(); ++i) rows.push_back({"", "", "", "", paths[i]});
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
