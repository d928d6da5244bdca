// The service thread's one waiting place: epoll, a wake-up for other threads, and a deadline. Knows
// nothing of what it waits for.
//
// How it works. A registration carries a WatchId that is never used again, and every event is
// looked up by it just before it is delivered: an event collected for a watch that an earlier event
// of the same batch has ended finds nothing. After a turn with events the next turn polls for a
// short while before it sleeps, because waking a sleeping thread costs more than most answers take
// to arrive (performance.md, "wake-ups and latency").
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "common/result.h"
#include "common/time.h"
#include "common/unique_fd.h"
#include "service/sockets/poller.h"

namespace ztshim::host {

class EventLoop final : public Poller {
 public:
  struct Options {
    // How long to poll after an event before sleeping; 0 sleeps at once. Longer gains nothing and
    // takes the core that the application needs.
    std::chrono::microseconds spin{50};
  };
  static Result<std::unique_ptr<EventLoop>, std::string> make(Options options);

  // 0 when the kernel refuses (out of memory, or not a descriptor epoll can wait for).
  WatchId watch(int fd, std::uint32_t events, Watcher& watcher) override;
  void change(WatchId id, std::uint32_t events) override;
  void unwatch(WatchId id) override;
  // Somebody else wants the number `fd`: what is open there moves to another one, and so do its
  // holder (common/internal_fds.h) and its registration. False: nobody of ours holds it, or there
  // is no free number.
  bool vacate(int fd);
  Time now() const override { return clocks_.time; }

  // The same, but served before all others in each turn: the physical sockets, whose kernel buffers
  // overflow while somebody else is being served.
  WatchId watch_first(int fd, std::uint32_t events, Watcher& watcher);

  // Waits for events until `deadline`, wake() or a signal, and delivers them. Returns how many
  // watchers were called.
  std::size_t turn(Time deadline);
  // Called in each turn after the clocks were read and before anybody is served.
  void set_turn_hook(std::function<void()> hook) { turn_hook_ = std::move(hook); }
  // Both clocks as read at the start of this turn.
  const Now& clocks() const { return clocks_; }
  // Reads the clocks again, for whoever runs before the first turn or has worked long.
  void refresh_clocks();
  // Ends the wait of the current or the next turn. Any thread; async-signal-safe.
  void wake() noexcept;

 private:
  struct Watch {
    int fd;
    std::uint32_t events;
    Watcher* watcher;
    bool first;
  };
  using Events = std::array<epoll_event, 256>;

  EventLoop(Options options, UniqueFd epoll, UniqueFd wake_up);
  WatchId add(int fd, std::uint32_t events, Watcher& watcher, bool first);
  int wait(Time deadline);
  int collect(int timeout_ms);

  Options options_;
  UniqueFd epoll_;
  UniqueFd wake_up_;
  std::unordered_map<WatchId, Watch> watches_;
  WatchId last_id_ = 0;  // 0 is the wake-up's
  Events events_{};
  Now clocks_;
  std::function<void()> turn_hook_ = [] {};
  std::int64_t last_event_us_ = 0;
};

}  // namespace ztshim::host
