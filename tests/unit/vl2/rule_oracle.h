// The rule engine once more, as a reader of the notes would write it down: slowly, straight from
// the tables of vl2 7.2 to 7.6, with bytes copied around and nothing shared with the real one.
#pragma once

#include "service/vl2/rule_engine.h"

namespace ztshim::vl2 {

FilterDecision slow_filter(const RuleInput& input);

}  // namespace ztshim::vl2
