// `ztshim controller network|member|rules …` and `ztshim member …`: administration of a running
// controller without curl. One function per group, each in a file of its name.
#pragma once

#include "service/cli/command.h"

namespace ztshim::cli {

void add_network_commands(CLI::App& parent, Action& chosen);
void add_member_commands(CLI::App& parent, Action& chosen);
void add_rules_commands(CLI::App& parent, Action& chosen);

}  // namespace ztshim::cli
