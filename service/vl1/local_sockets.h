// Our own side of all paths: the sockets the host has bound, where they can be reached, and what a
// port mapper opened for them. Notes: vl1-behaviour 7.1, 13.
#pragma once

#include <vector>

#include "service/vl1/outbox.h"
#include "service/vl1/settings.h"

namespace ztshim::vl1 {

class LocalSockets {
 public:
  // What a new list means for paths.
  struct Change {
    std::vector<LocalSocket> gone;
    std::vector<LocalSocket> added;
    bool moved = false;  // the addresses are others, perhaps on the same sockets
  };
  Change set(std::vector<BoundSocket> sockets);
  // True when it is another list than before.
  bool set_external(std::vector<Endpoint> mapped);

  const std::vector<BoundSocket>& all() const { return sockets_; }
  // Different ports of the same addresses: behind the same interface and the same NATs.
  bool are_siblings(LocalSocket one, LocalSocket other) const;
  // The addresses of all sockets, then the mapped ones.
  std::vector<Endpoint> endpoints() const;

 private:
  std::vector<BoundSocket> sockets_;
  std::vector<Endpoint> external_;
};

}  // namespace ztshim::vl1
