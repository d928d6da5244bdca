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

}  // namespace ztshim::api
