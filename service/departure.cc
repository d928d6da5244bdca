// The end of the hosting process, as the service sees it: draining what is left to send, or going
// on in a copy of the process (handover.h), and the rule by which that copy ends. Runs in the
// service's turns but for what other threads call.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/raw_syscall.h"
#include "common/real.h"
#include "service/handover.h"
#include "service/service.h"

namespace ztshim {
namespace {

// While draining, time passes for the sake of `patience` only.
constexpr Duration kDrainCheck{100};
// A turn takes milliseconds and a fork of a huge process tens of them. Longer: the loop or fork()
// waits for something that the thread that leaves holds, and that thread must end.
constexpr Duration kLeavePatience{10'000};
// The copy's first steps take less than a millisecond. Somebody else's fork may hold the pipe that
// tells of them.
constexpr int kSettlePatience = 1'000;
// In the copy, whom nobody waits for: how long nothing at all may be acknowledged before the rest
// is given up, and how often is looked.
constexpr Duration kLingerPatience{30'000};
constexpr Duration kLingerCheck{1'000};

// How often is looked whether the program has threads left, once its first has ended.
constexpr Duration kThreadCheck{100};

// All threads of this process are ours, and its first has ended.
bool is_program_over() {
  FILE* const stat = std::fopen("/proc/self/stat", "re");
  if (stat == nullptr) return false;
  std::array<char, 1024> line{};
  [[maybe_unused]] const std::size_t size = std::fread(line.data(), 1, line.size() - 1, stat);
  std::fclose(stat);
  const char* const name_end = std::strrchr(line.data(), ')');
  if (name_end == nullptr || name_end[1] == '\0' || name_end[2] != 'Z') return false;
  DIR* const tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return false;
  bool is_over = true;
  while (const dirent* const entry = ::readdir(tasks)) {
    if (entry->d_name[0] == '.' || std::atoi(entry->d_name) == getpid()) continue;
    const std::string path = fmt::format("/proc/self/task/{}/comm", entry->d_name);
    FILE* const comm = std::fopen(path.c_str(), "re");
    if (comm == nullptr) continue;  // ended meanwhile
    std::array<char, 32> name{};
    const char* const got = std::fgets(name.data(), name.size(), comm);
    std::fclose(comm);
    if (got != nullptr && std::strncmp(got, "ztshim", 6) != 0) is_over = false;
  }
  ::closedir(tasks);
  return is_over;
}

// The one service of this copy of a process.
std::atomic<Service*> copied{nullptr};

void stop_copy(int) {
  if (Service* const service = copied.load()) service->stop();
}

}  // namespace

void Service::check_departure() {
  check_drain();
  check_leave();
  check_threads();
  if (ends_unneeded_) check_need();
}

Time Service::departure_deadline() const {
  const Time time = loop_->now();
  if (drain_.state.load(std::memory_order_acquire) == Drain::State::Wanted) {
    return time + (drain_.turns < 2 ? Duration(0) : kDrainCheck);
  }
  if (leave_.is_wanted.load(std::memory_order_acquire)) return time;
  const Time threads = watches_threads_.load(std::memory_order_relaxed) ? threads_due_ : kNever;
  return std::min(threads, ends_unneeded_ ? time + kLingerCheck : kNever);
}

// run() is over.
void Service::end_departure() {
  {
    const std::lock_guard lock(drain_.mutex);
    drain_.has_ended = true;
    if (drain_.state == Drain::State::Wanted) drain_.state = Drain::State::GivenUp;
    drain_.changed.notify_all();
  }
  const std::lock_guard lock(leave_.mutex);
  leave_.has_ended = true;
  leave_.changed.notify_all();
}

// ---- draining

bool Service::drain(Duration patience) {
  std::unique_lock lock(drain_.mutex);
  if (drain_.has_ended) return false;
  drain_.patience = patience;
  drain_.turns = 0;
  drain_.progress = {};
  drain_.state.store(Drain::State::Wanted, std::memory_order_release);
  loop_->wake();
  drain_.changed.wait(lock, [this] { return drain_.state.load() != Drain::State::Wanted; });
  return drain_.state.exchange(Drain::State::Idle) == Drain::State::Done;
}

void Service::check_drain() {
  if (drain_.state.load(std::memory_order_acquire) != Drain::State::Wanted) return;
  const std::lock_guard lock(drain_.mutex);
  const Time time = now().time;
  // Whoever drains is about to end, and its descriptors may live on in a child that cannot use them
  // without this service.
  if (drain_.turns == 0) sockets_->close_sockets_of(getpid());
  drain_.progress.note(time, sockets_->unsent_bytes());
  // The first turn after the request may have begun before the last descriptor was closed; the
  // second has seen all of them.
  if (++drain_.turns < 2) return;
  if (sockets_->is_drained()) {
    drain_.state.store(Drain::State::Done);
  } else if (time - drain_.progress.since >= drain_.patience) {
    log(LogArea::Service, LogLevel::Warn, "gave up with {} bytes unsent", drain_.progress.bytes);
    drain_.state.store(Drain::State::GivenUp);
  } else {
    return;
  }
  drain_.changed.notify_all();
}

// ---- leaving the process

Service::Departure Service::leave() noexcept {
  std::unique_lock lock(leave_.mutex);
  if (leave_.has_ended) return Departure::Idle;
  leave_.outcome = Departure::Stuck;
  leave_.is_wanted.store(true, std::memory_order_release);
  loop_->wake();
  leave_.changed.wait_for(lock, kLeavePatience, [this] {
    return leave_.outcome != Departure::Stuck || leave_.has_ended;
  });
  return leave_.outcome;
}

bool Service::is_leaving_here() const noexcept {
  return leaving_thread_.load(std::memory_order_relaxed) == pthread_self();
}

// Sockets that are closed when the process ends count as well: what was written into them may not
// be sent yet, and others may hold them. The copy will see which.
bool Service::is_needed_after_us() const {
  return sockets_->is_in_use() || !sockets_->is_drained() || rpc_->has_others_than(getpid()) ||
         has_forked_.load(std::memory_order_relaxed);
}

void Service::check_leave() {
  if (!leave_.is_wanted.load(std::memory_order_acquire)) return;
  leave_.is_wanted.store(false, std::memory_order_relaxed);
  const Departure outcome = is_needed_after_us() ? hand_over() : Departure::Idle;
  // Nobody who comes now is served any more: he finds that we have gone, and asks the next one.
  if (outcome == Departure::Idle) stop();
  const std::lock_guard lock(leave_.mutex);
  leave_.outcome = outcome;
  leave_.changed.notify_all();
}

Service::Departure Service::hand_over() {
  if (const char* const why = why_no_copy()) {
    log(LogArea::Service, LogLevel::Info, "no copy to hand over to: {}", why);
    return Departure::Refused;
  }
  // Whoever sees the program's end must not find its ports, locks and pipes in use by the copy.
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Departure::Refused;
  has_moved_.reset(keep_internal_fd(ends[0]));
  moving_.reset(keep_internal_fd(ends[1]));
  const auto begin = std::chrono::steady_clock::now();
  leaving_thread_.store(pthread_self(), std::memory_order_relaxed);
  const auto copy =
      make_copy([](void* service) { static_cast<Service*>(service)->continue_in_copy(); }, this);
  leaving_thread_.store({}, std::memory_order_relaxed);
  moving_.reset();
  if (!copy) {
    log(LogArea::Service, LogLevel::Warn, "no copy to hand over to: {}",
        std::strerror(copy.error()));
    return Departure::Refused;
  }
  pollfd waited{has_moved_.get(), 0, 0};
  real().poll(&waited, 1, kSettlePatience);
  // From here on everything is the copy's. The descriptors are two processes', and ours must not
  // keep anything open; the epoll set is shared, so nothing is taken out of it.
  const std::chrono::duration<double, std::milli> pause = std::chrono::steady_clock::now() - begin;
  log(LogArea::Service, LogLevel::Info, "handed over to process {} in {:.1f} ms", *copy,
      pause.count());
  physical_->abandon();
  close_internal_fds_of(FdUse::Service);
  has_left_ = true;
  return Departure::HandedOver;
}

void Service::watch_threads() noexcept {
  watches_threads_.store(true, std::memory_order_relaxed);
  loop_->wake();
}

void Service::check_threads() {
  if (!watches_threads_.load(std::memory_order_relaxed) || now().time < threads_due_) return;
  threads_due_ = now().time + kThreadCheck;
  if (!is_program_over()) return;
  watches_threads_ = false;
  is_last_thread_ = true;
  switch (is_needed_after_us() ? hand_over() : Departure::Idle) {
    case Departure::HandedOver:
      return;
    case Departure::Refused:
      close_internal_fds_of(FdUse::Program);
      sockets_->close_sockets_of(getpid());
      ends_unneeded_ = true;
      return;
    case Departure::Idle:
    case Departure::Stuck:
      stop();
  }
}

// ---- the copy

// Whoever held a lock or waited in the other process does not exist in this one.
template <typename Door>
void renew(Door& door) {
  new (&door) Door();
}

void Service::continue_in_copy() {
  renew(drain_);
  renew(leave_);
  renew(calls_);
  continue_log_in_copy();
  copied = this;
  settle_in_copy(stop_copy);
  moving_.reset();
  has_moved_.reset();
  ends_unneeded_ = true;
  watches_threads_ = false;
  life_line_.watch(*loop_);
  physical_->continue_in_copy();
  log(LogArea::Service, LogLevel::Info, "goes on in process {}", getpid());
  [[maybe_unused]] const auto ended = run();
  // Nothing of the application's is to run here, least of all what it does at its exit.
  raw_syscall(SYS_exit_group, 0);
}

// Of a copy, or in a process without a program: ends when no process uses it and nothing is left to
// send, or what is left does not get through.
void Service::check_need() {
  if (sockets_->is_in_use() || rpc_->session_count() > 0 || life_line_.is_held()) {
    last_progress_ = {};
    return;
  }
  last_progress_.note(now().time, sockets_->unsent_bytes());
  const bool is_given_up = now().time - last_progress_.since >= kLingerPatience;
  if (!sockets_->is_drained() && !is_given_up) return;
  if (is_given_up) {
    log(LogArea::Service, LogLevel::Warn, "gave up with {} bytes unsent", last_progress_.bytes);
  }
  stop();
}

}  // namespace ztshim
