// Finds the subcommand, and turns what it did into an exit code.
#include "service/program.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string_view>
#include <vector>

#include "common/log.h"
#include "service/cli/command.h"

namespace ztshim::cli {
namespace {

// CLI11's messages may have several lines; ours have one.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

int run_command(int count, char** arguments) {
  CLI::App app("ZeroTier networks for unmodified programs", "ztshim");
  app.require_subcommand(1);
  std::vector<char*> own(arguments, arguments + count);
  const auto dashes = std::find(own.begin(), own.end(), std::string_view("--"));
  const std::vector<std::string> words(dashes, own.end());
  own.erase(dashes, own.end());
  app.set_version_flag("--version", "ztshim " ZTSHIM_VERSION);
  Action chosen;
  for (const auto add : {add_service, add_lab, add_root, add_controller, add_planet, add_moon,
                         add_identity, add_join, add_leave, add_networks, add_peers, add_status,
                         add_sockets, add_member, add_ping, add_why}) {
    add(app, chosen);
  }
  add_run(app, chosen, words);
  try {
    app.parse(static_cast<int>(own.size()), own.data());
    if (!words.empty() && !app.got_subcommand("run")) throw CLI::ExtrasError({words});
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& wrong) {
    return fail(one_line(wrong.what()) + " (see `ztshim --help`)", kWrongUsage);
  }
  return chosen();
}

// The variables that concern every command. The exit code when one is wrong.
std::optional<int> configure_logging() {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  const std::string_view levels = variable("ZTSHIM_LOG"), file = variable("ZTSHIM_LOG_FILE");
  if (!levels.empty() && !configure_log(levels)) {
    return fail(fmt::format("ZTSHIM_LOG={}: off, error, warn, info, debug, trace or AREA=LEVEL,... "
                            "are allowed",
                            levels),
                kWrongUsage);
  }
  if (!file.empty() && !configure_log_file(file)) {
    return fail(fmt::format("ZTSHIM_LOG_FILE={}: cannot be opened", file), kWrongUsage);
  }
  return std::nullopt;
}

}  // namespace
}  // namespace ztshim::cli

int ztshim::run_program(int count, char** arguments) {
  try {
    if (const auto wrong = cli::configure_logging()) return *wrong;
    return cli::run_command(count, arguments);
  } catch (const std::exception& e) {
    return cli::fail(e.what());
  }
}
