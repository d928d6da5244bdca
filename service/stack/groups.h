// Which multicast groups applications have joined, by interface. What an interface lets in, and
// what the network is asked for.
#pragma once

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "service/stack/stack.h"

namespace ztshim::stack {

class Groups {
 public:
  // Told all groups of an interface whenever they change.
  using Listener = std::function<void(InterfaceId, const std::vector<IpAddress>&)>;
  void set_listener(Listener listener) { listener_ = std::move(listener); }

  // Each join is left once. They outlive the interface: it may come back.
  void join(InterfaceId interface, const IpAddress& group);
  void leave(InterfaceId interface, const IpAddress& group);
  bool has(InterfaceId interface, const IpAddress& group) const {
    return counts_.contains({interface, group});
  }

 private:
  void tell(InterfaceId interface) const;

  std::map<std::pair<InterfaceId, IpAddress>, unsigned> counts_;
  Listener listener_;
};

}  // namespace ztshim::stack
