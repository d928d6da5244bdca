// The node's own part of the local API: status, networks, peers, moons, settings.
// Notes: controller.md 10.2 to 10.5.
#pragma once

#include "service/api/backend.h"
#include "service/api/message.h"

namespace ztshim::api {

Response handle_node(const Request& request, Backend& backend);

}  // namespace ztshim::api
