#include "service/host/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"
#include "service/host/clock.h"

namespace ztshim::host {
namespace {

constexpr std::uint64_t kWakeUp = 0;
// A sleep never lasts longer, so that a wall clock that jumps (suspend) is noticed.
constexpr Duration kLongestSleep{60'000};

}  // namespace

Result<std::unique_ptr<EventLoop>, std::string> EventLoop::make(Options options) {
  UniqueFd epoll(keep_internal_fd(epoll_create1(EPOLL_CLOEXEC)));
  UniqueFd wake_up(keep_internal_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  if (!epoll || !wake_up) {
    return failure(fmt::format("cannot make an event loop: {}", std::strerror(errno)));
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeUp;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake_up.get(), &event) != 0) {
    return failure(fmt::format("cannot make an event loop: {}", std::strerror(errno)));
  }
  return std::unique_ptr<EventLoop>(new EventLoop(options, std::move(epoll), std::move(wake_up)));
}

EventLoop::EventLoop(Options options, UniqueFd epoll, UniqueFd wake_up)
    : options_(options), epoll_(std::move(epoll)), wake_up_(std::move(wake_up)) {
  refresh_clocks();
}

void EventLoop::refresh_clocks() { clocks_ = read_clocks(); }

Poller::WatchId EventLoop::watch(int fd, std::uint32_t events, Watcher& watcher) {
  return add(fd, events, watcher, false);
}

Poller::WatchId EventLoop::watch_first(int fd, std::uint32_t events, Watcher& watcher) {
  return add(fd, events, watcher, true);
}

Poller::WatchId EventLoop::add(int fd, std::uint32_t events, Watcher& watcher, bool first) {
  const WatchId id = ++last_id_;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    log(LogArea::Host, LogLevel::Warn, "cannot watch a descriptor: {}", std::strerror(errno));
    return 0;
  }
  watches_.emplace(id, Watch{fd, events, &watcher, first});
  return id;
}

void EventLoop::change(WatchId id, std::uint32_t events) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  found->second.events = events;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second.fd, &event);
}

bool EventLoop::vacate(int fd) {
  std::atomic<int>* const holder = holder_of(fd);
  const int moved = holder == nullptr ? -1 : move_internal_fd(fd);
  if (moved < 0) return false;
  // Registrations hang on the number as well as on the file.
  const auto follow = [&](std::uint32_t events, WatchId id) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, moved, &event);
  };
  for (auto& [id, watch] : watches_) {
    if (watch.fd != fd) continue;
    watch.fd = moved;
    follow(watch.events, id);
  }
  if (wake_up_.get() == fd) follow(EPOLLIN, kWakeUp);
  holder->store(moved);
  note_holder(moved, holder);
  return true;
}

void EventLoop::unwatch(WatchId id) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
  watches_.erase(found);
}

int EventLoop::collect(int timeout_ms) {
  const int count =
      epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout_ms);
  return std::max(count, 0);  // EINTR: an empty turn
}

int EventLoop::wait(Time deadline) {
  if (options_.spin.count() > 0) {
    for (;;) {
      if (const int count = collect(0); count > 0) return count;
      const std::int64_t now = monotonic_us();
      if (now - last_event_us_ >= options_.spin.count()) break;
      if (Time(Duration(now / 1000)) >= deadline) return 0;
    }
  }
  // The clock is cut to whole milliseconds, so a sleep ends at the deadline or after, never before.
  const Duration left = deadline - Time(Duration(monotonic_us() / 1000));
  return collect(static_cast<int>(std::clamp(left, Duration(0), kLongestSleep).count()));
}

std::size_t EventLoop::turn(Time deadline) {
  const int count = wait(deadline);
  refresh_clocks();
  turn_hook_();
  if (count == 0) return 0;
  last_event_us_ = monotonic_us();

  std::size_t called = 0;
  const auto events = std::span(events_).first(static_cast<std::size_t>(count));
  for (const bool first : {true, false}) {
    for (const epoll_event& event : events) {
      if (event.data.u64 == kWakeUp) {
        std::uint64_t value = 0;
        [[maybe_unused]] const ssize_t got = real().read(wake_up_.get(), &value, sizeof value);
        continue;
      }
      const auto found = watches_.find(event.data.u64);
      if (found == watches_.end() || found->second.first != first) continue;
      found->second.watcher->on_ready(event.events);
      ++called;
    }
  }
  return called;
}

void EventLoop::wake() noexcept {
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = real().write(wake_up_.get(), &one, sizeof one);
  errno = saved;
}

}  // namespace ztshim::host
