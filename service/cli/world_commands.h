// What `ztshim planet` and `ztshim moon` share: roots as people write them, worlds as people read
// them.
#pragma once

#include <string>
#include <vector>

#include "service/cli/command.h"
#include "service/wire/world.h"

namespace ztshim::cli {

struct WorldOptions : HomeOptions {
  std::string world, out, key;
  std::vector<std::string> roots;

  void add_roots(CLI::App& command, const char* help);
  void add_key(CLI::App& command, const char* help);
  void add_out(CLI::App& command, const char* help);
};

// "IDENTITY-FILE=IP/PORT[,IP/PORT…]", each.
Result<std::vector<WorldRoot>, std::string> parse_roots(const std::vector<std::string>& texts);
Result<std::uint64_t, std::string> parse_world_id(const std::string& text);

// The next revision of the world in options.world, with options.roots if there are any, signed with
// options.key. The exit code.
int sign_world(const WorldOptions& options, WorldType type);
// Writes a new or revised world and tells what it is.
int publish(const WorldOptions& options, const World& world);
int print_world(const World& world, bool as_json);
Json world_json(const World& world);

}  // namespace ztshim::cli
