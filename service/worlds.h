// What `ztshim moon` and `ztshim planet` ask of a running node, as JSON over the service's socket:
//
//   {"do": "moons"}                              -> {"moons": […], "wanted": […]}
//   {"do": "orbit", "id": "hex", "seed": "hex"}  -> {}   {"do": "orbit", "file": "path"} -> {}
//   {"do": "deorbit", "id": "hex"}               -> {}
//   {"do": "planet", "file": "path"}             -> {}
//
// {"error": sentence} instead when it cannot be done. Notes: vl1-packets 8.4 to 8.6.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "service/node/node.h"

namespace ztshim {

// Nothing: not such a request.
std::optional<std::string> administer_worlds(Node& node, Now now, std::string_view request,
                                             Outbox& out);

}  // namespace ztshim
