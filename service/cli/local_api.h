// The local API of a running service: genuine tools find its port and token in the home.
// Notes: controller.md 10.1.
#pragma once

#include <memory>

#include "service/service.h"

namespace ztshim::cli {

class LocalApi {
 public:
  // Listens beside the service's UDP port, on this machine's loopback addresses, or on all when
  // local.conf names clients from elsewhere (settings.allowManagementFrom). A service without its
  // API still does its work: the reason is one line on the log and null is returned.
  static std::unique_ptr<LocalApi> start(Service& service);
  // Before the service is destroyed. Its loop need not run any more.
  ~LocalApi();

 private:
  class Backend;
  LocalApi();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace ztshim::cli
