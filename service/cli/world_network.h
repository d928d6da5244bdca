// A controller's network as the command line describes it: name, privacy, address pools.
#pragma once

#include <optional>
#include <string>

#include "service/cli/command.h"
#include "service/node/node.h"

namespace ztshim::cli {

struct NetworkOptions {
  std::optional<std::string> pool;   // IPv4 prefix
  std::optional<std::string> pool6;  // IPv6 prefix, "rfc4193" or "6plane"
  bool is_private = false;

  void add(CLI::App& command);
  bool is_default() const { return !pool && !pool6 && !is_private; }
  // The controller's fields (controller.md 7.1); `pool` where none was given.
  Result<Json, std::string> fields(const std::string& default_pool) const;
};

// The controller's first network, made or changed to `options` where they say anything.
Result<NetworkId, std::string> ensure_network(controller::Controller& controller, Now now,
                                              const NetworkOptions& options,
                                              const std::string& default_pool, Outbox& out);

}  // namespace ztshim::cli
