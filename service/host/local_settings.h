// networks.d/<id>.local.conf: what the user admits from a network's controller. Notes: vl2 10.4.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "service/vl2/vl2.h"

namespace ztshim::host {

// Anything parses: unknown keys are skipped, missing ones have their defaults.
vl2::LocalSettings parse_local_settings(ByteView text);
// One "KEY=VALUE"; false (and nothing changed) when the key is unknown.
bool apply_local_setting(vl2::LocalSettings& settings, std::string_view assignment);
// All of them, or, with a sentence about the first that is unknown, none.
Result<void, std::string> apply_local_settings(vl2::LocalSettings& settings,
                                               const std::vector<std::string>& assignments);
std::string format_local_settings(const vl2::LocalSettings& settings);

}  // namespace ztshim::host
