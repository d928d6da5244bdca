// Who may use the local API: decided from a request's head, before its body is read.
// Notes: controller.md 10.1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ip_prefix.h"
#include "service/api/message.h"

namespace ztshim::api {

struct Access {
  std::string token;          // content of authtoken.secret
  std::string metrics_token;  // content of metricstoken.secret: good for /metrics alone
  // Clients from elsewhere than this machine (local.conf, settings.allowManagementFrom).
  std::vector<IpPrefix> management;

  // The answer to a request that is not served; nothing when it may pass.
  std::optional<Response> refuse(const Request& request) const;

 private:
  bool admits(const IpAddress& client) const;
  bool has_token(const Request& request) const;
};

// A page of some website can make a browser ask 127.0.0.1 under a name of its own (DNS rebinding).
// Only addresses and "localhost" are names of ours; no Host at all is no browser.
bool is_own_name(const std::string& host);

}  // namespace ztshim::api
