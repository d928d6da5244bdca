// Rules as administrators write them, to and from rule values. Notes: controller.md 7.3.
#pragma once

#include <optional>

#include "service/controller/json_values.h"
#include "service/wire/rules.h"

namespace ztshim::controller {

// Nothing for what is no rule, or one the controller does not issue (INTEGER_RANGE,
// ACTION_PRIORITY).
std::optional<Rule> rule_from_json(const Json& json);
Json rule_to_json(const Rule& rule);

// Entries that are no rules are left out; at most `max_count` are kept.
Rules rules_from_json(const Json& list, std::size_t max_count);
Json rules_to_json(const Rules& rules);

}  // namespace ztshim::controller
