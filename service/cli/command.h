// What all subcommands share: exit codes, the home, how facts and failures are printed.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/result.h"

namespace ztshim::cli {

// interface.md, "Commands".
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 64;

using Json = nlohmann::json;

// What the chosen subcommand does after everything was parsed; its result is the exit code.
using Action = std::function<int()>;

// One line on standard error; returns kFailed (or `code`).
int fail(std::string_view sentence, int code = kFailed);

// --home and --json. The home is absolute once parsing is over; without --home it is the
// environment's (ZTSHIM_HOME) or the default.
struct HomeOptions {
  std::string home;
  bool json = false;

  void add_home(CLI::App& command);
  void add_json(CLI::App& command);
  // Makes `home` absolute. A wrong ZTSHIM_* variable is a failure (kWrongUsage).
  Result<void, std::string> resolve();
};

std::string absolute(const std::string& path);
void print_json(const Json& json);
// Pads every column but the last to its widest cell.
void print_table(const std::vector<std::vector<std::string>>& rows);

// One function per subcommand, each in a file of its name. `words`: what came after "--", the
// command to run; CLI11 must not see it.
void add_run(CLI::App& app, Action& chosen, std::vector<std::string> words);
void add_service(CLI::App& app, Action& chosen);
void add_lab(CLI::App& app, Action& chosen);
void add_root(CLI::App& app, Action& chosen);
void add_controller(CLI::App& app, Action& chosen);
void add_planet(CLI::App& app, Action& chosen);
void add_moon(CLI::App& app, Action& chosen);
void add_identity(CLI::App& app, Action& chosen);
void add_join(CLI::App& app, Action& chosen);
void add_leave(CLI::App& app, Action& chosen);
void add_networks(CLI::App& app, Action& chosen);
void add_peers(CLI::App& app, Action& chosen);
void add_status(CLI::App& app, Action& chosen);
void add_sockets(CLI::App& app, Action& chosen);
void add_member(CLI::App& app, Action& chosen);
void add_ping(CLI::App& app, Action& chosen);
void add_why(CLI::App& app, Action& chosen);

}  // namespace ztshim::cli
