// ztshim sockets: the virtual sockets of a service and who owns them.
#include <fmt/core.h>

#include "service/cli/client.h"
#include "service/cli/command.h"

namespace ztshim::cli {
namespace {

int sockets(HomeOptions options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto list = facts(options.home, rpc::Section::Sockets);
  if (!list) return fail(list.error());
  if (options.json) return print_json(*list), kDone;
  std::vector<std::vector<std::string>> rows{
      {"TYPE", "STATE", "RECV-Q", "SEND-Q", "LOCAL", "PEER", "PID", "PROGRAM"}};
  for (const Json& socket : *list) {
    rows.push_back({socket.value("type", "") == "dgram" ? "udp" : "tcp", socket.value("state", ""),
                    std::to_string(socket.value("unread", std::uint64_t{0})),
                    std::to_string(socket.value("unsentBytes", std::uint64_t{0})),
                    socket.value("local", ""), socket.value("peer", ""),
                    std::to_string(socket.value("pid", 0)), socket.value("program", "")});
  }
  print_table(rows);
  return kDone;
}

}  // namespace

void add_sockets(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("sockets", "The virtual sockets and who owns them");
  const auto options = std::make_shared<HomeOptions>();
  options->add_home(*command);
  options->add_json(*command);
  command->callback([options, &chosen] { chosen = [options] { return sockets(*options); }; });
}

}  // namespace ztshim::cli
