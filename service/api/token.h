// The secrets that the local API asks for, kept in the home. Notes: controller.md 10.1.
#pragma once

#include <string>

#include "common/result.h"
#include "service/crypto/random.h"
#include "service/host/home_files.h"

namespace ztshim::api {

inline constexpr const char* kTokenFile = "authtoken.secret";
inline constexpr const char* kMetricsTokenFile = "metricstoken.secret";

// The file's content without white space around it; made (24 characters of a-z and 0-9, readable
// by the owner only) when the file is missing or empty.
Result<std::string, std::string> load_or_make_token(const host::HomeFiles& files, const char* name,
                                                    RandomSource& random);

}  // namespace ztshim::api
