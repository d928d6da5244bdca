// The largest packets that get through to a destination, where a router has said that they are
// smaller than the link's.
#pragma once

#include <unordered_map>

#include "common/endpoint.h"
#include "common/time.h"

namespace ztshim::stack {

class PathMtus {
 public:
  void note(const IpAddress& destination, unsigned mtu, Time now);
  // `link` where nothing else is known.
  unsigned find(const IpAddress& destination, unsigned link, Time now) const;

 private:
  struct Entry {
    unsigned mtu = 0;
    Time until{};
  };
  std::unordered_map<IpAddress, Entry> entries_;
};

}  // namespace ztshim::stack
