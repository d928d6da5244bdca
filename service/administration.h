// What `ztshim controller` and `ztshim member` ask of a controller over the service's socket: the
// REST API's requests (controller.md 8) without HTTP, so that they work where no TCP port does.
//
//   {"method": "POST", "path": "/controller/network/…", "body": {…}} -> {"status": 200, "body": …}
//
// A request has to fit into one message. What does not is sent ahead in parts, by a number of the
// client's choice, and named in place of the body:
//
//   {"part": "hexadecimal digits", "of": "number"} -> {}
//   {…, "bodyOf": "number"}
//
// And of any service, what a user admits from a joined network's controller (vl2 10.4):
//
//   {"settings": ["allowDNS=1", …], "network": id} -> {}
//
// {"error": sentence} instead when it cannot be done.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "service/node/node.h"

namespace ztshim {

class Administration {
 public:
  using ChangeSettings = std::function<Result<void, std::string>(
      NetworkId network, const std::vector<std::string>& assignments)>;
  std::string carry_out(Node& node, Now now, std::string_view request,
                        const ChangeSettings& change_settings, Outbox& out);

 private:
  nlohmann::json take_part(const nlohmann::json& request);
  std::string serve(Node& node, Now now, const nlohmann::json& request, Outbox& out);

  // Bodies on their way; a client that never finishes leaves one behind until others push it out.
  std::map<std::string, std::string> parts_;
};

}  // namespace ztshim
