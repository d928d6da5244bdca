#include "service/cli/command.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "common/config.h"

namespace ztshim::cli {

int fail(std::string_view sentence, int code) {
  // Sentences that the library prints as well name the program already.
  constexpr std::string_view kName = "ztshim: ";
  if (sentence.starts_with(kName)) sentence.remove_prefix(kName.size());
  fmt::print(stderr, "{}{}\n", kName, sentence);
  return code;
}

void HomeOptions::add_home(CLI::App& command) {
  command
      .add_option("--home", home,
                  "The node's home directory (default: ZTSHIM_HOME, else the user's)")
      ->type_name("DIR");
}

void HomeOptions::add_json(CLI::App& command) {
  command.add_flag("--json", json, "Print facts as JSON");
}

Result<void, std::string> HomeOptions::resolve() {
  if (home.empty()) {
    const auto config = Config::from_environment();
    if (!config) return failure(config.error());
    home = config->home;
  }
  home = absolute(home);
  return {};
}

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto result = std::filesystem::absolute(path, error).lexically_normal();
  std::string text = error ? path : result.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

void print_json(const Json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) fmt::print("{:<{}}  ", row[i], widths[i]);
    if (!row.empty()) fmt::print("{}\n", row.back());
  }
}

}  // namespace ztshim::cli
