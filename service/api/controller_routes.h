// The controller's part of the local API: networks and members as records. Notes: controller.md 8.
#pragma once

#include "service/api/message.h"
#include "service/controller/controller.h"

namespace ztshim::api {

// Is it a path of the controller's (also one that leads nowhere)?
bool is_controller_path(std::string_view path);

// `controller` is null on a node without one; then nothing of it is there.
Response handle_controller(controller::Controller* controller, Now now, const Request& request,
                           Outbox& out);

// One entry of /unstable/controller/network, as text; empty for a network that is not there.
std::string network_with_counts(controller::Controller& controller, NetworkId id);

// The answer made of them.
std::string network_list(const std::vector<std::string>& entries);

}  // namespace ztshim::api
