// What sockets/ wants from an event loop; host/ implements it.
#pragma once

#include <cstdint>

#include "common/time.h"

namespace ztshim {

class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void on_ready(std::uint32_t epoll_events) = 0;
};

class Poller {
 public:
  using WatchId = std::uint64_t;  // never reused
  virtual ~Poller() = default;
  // `events` as for epoll_ctl (EPOLLET included). The watcher outlives the watch.
  virtual WatchId watch(int fd, std::uint32_t events, Watcher& watcher) = 0;
  virtual void change(WatchId id, std::uint32_t events) = 0;
  // Before the fd is closed. Afterwards on_ready is not called, not even for events already
  // collected.
  virtual void unwatch(WatchId id) = 0;
  // The time of this turn of the loop.
  virtual Time now() const = 0;
};

}  // namespace ztshim
