// What `ztshim member` and `ztshim network` ask of a controller: one JSON object in, one out. The
// fields of networks and members are those of the controller's records (controller.md 7).
//
//   {"do": "networks"}                                       -> {"networks": [id, …]}
//   {"do": "network", "network": id, ["set": {…}]}           -> {"network": {…}}
//   {"do": "members", "network": id}                         -> {"members": [{…}, …]}
//   {"do": "member", "network": id, "address": a, ["set": {…}]} -> {"member": {…}}
//   {"do": "forget", "network": id, "address": a}            -> {}
//
// {"error": sentence} instead when it cannot be done.
#pragma once

#include <string>
#include <string_view>

#include "service/node/node.h"

namespace ztshim {

std::string administer(Node& node, Now now, std::string_view request, Outbox& out);

}  // namespace ztshim
