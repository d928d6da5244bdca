// networks.d/<id>.local.conf: what the user admits from a network's controller. Notes: vl2 10.4.
#pragma once

#include <string>
#include <string_view>

#include "common/bytes.h"
#include "service/vl2/vl2.h"

namespace ztshim::host {

// Anything parses: unknown keys are skipped, missing ones have their defaults.
vl2::LocalSettings parse_local_settings(ByteView text);
// One "KEY=VALUE"; false (and nothing changed) when the key is unknown.
bool apply_local_setting(vl2::LocalSettings& settings, std::string_view assignment);
std::string format_local_settings(const vl2::LocalSettings& settings);

}  // namespace ztshim::host
