// The service's counters in the text form of Prometheus. Notes: controller.md 10.2.
#pragma once

#include <string>

#include "service/api/message.h"

namespace ztshim::api {

// `status`: the JSON text of /status; every number in its groups of counters becomes one line.
Response metrics(const std::string& status);

}  // namespace ztshim::api
