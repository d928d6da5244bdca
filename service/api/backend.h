// What the local API needs of the service behind it. Called on the API's own threads; whoever
// implements it takes each call to where the node lives.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "service/node/node.h"

namespace ztshim::api {

class Backend {
 public:
  struct Settings {  // nothing: left as it is
    std::optional<bool> allow_managed, allow_global, allow_default, allow_dns;
  };
  virtual ~Backend() = default;

  // Runs `work` in the node's own time. False: the service is ending.
  virtual bool with_node(const std::function<void(Node&, Now, Outbox&)>& work) = 0;

  // JSON texts (controller.md 10.3 to 10.5); empty: the service is ending.
  virtual std::string status() = 0;
  virtual std::string networks() = 0;
  virtual std::string peers() = 0;

  // Joining a joined network only applies the settings. The error is one sentence.
  virtual Result<void, std::string> join(NetworkId network, const Settings& settings) = 0;
  // False: it was not joined.
  virtual bool leave(NetworkId network) = 0;

  // local.conf, a JSON object as text.
  virtual std::string local_conf() = 0;
  virtual Result<void, std::string> save_local_conf(const std::string& text) = 0;
};

}  // namespace ztshim::api
