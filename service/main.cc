// The ztshim program: finds the subcommand and turns what it did into an exit code.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <vector>

#include "common/log.h"
#include "service/cli/command.h"

namespace {

using namespace ztshim;
using namespace ztshim::cli;

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
  for (const auto add :
       {add_service, add_lab, add_root, add_controller, add_planet, add_identity, add_join,
        add_leave, add_networks, add_peers, add_status, add_sockets, add_member}) {
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

}  // namespace

int main(int count, char** arguments) {
  if (const char* const levels = std::getenv("ZTSHIM_LOG"); levels != nullptr && *levels != '\0') {
    if (!configure_log(levels)) {
      return fail(
          fmt::format("ZTSHIM_LOG={}: off, error, warn, info, debug, trace or AREA=LEVEL,... "
                      "are allowed",
                      levels),
          kWrongUsage);
    }
  }
  if (const char* const file = std::getenv("ZTSHIM_LOG_FILE"); file != nullptr && *file != '\0') {
    if (!configure_log_file(file))
      return fail(fmt::format("ZTSHIM_LOG_FILE={}: cannot be opened", file), kWrongUsage);
  }
  try {
    return run_command(count, arguments);
  } catch (const std::exception& e) {
    return fail(e.what());
  }
}
