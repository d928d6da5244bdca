// The local API as a function from request to response: who may ask, where the path leads, what
// the answer looks like. How requests arrive is the server's business. Notes: controller.md 8, 10.
#pragma once

#include "service/api/access.h"
#include "service/api/backend.h"
#include "service/api/message.h"

namespace ztshim::api {

// `request` has passed Access::refuse(). Never throws.
Response handle(const Request& request, Backend& backend) noexcept;

}  // namespace ztshim::api
