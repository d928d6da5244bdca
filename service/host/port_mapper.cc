#include "service/host/port_mapper.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "common/inside.h"
#include "common/internal_fds.h"
#include "common/log.h"
#include "common/raw_syscall.h"
#include "common/real.h"
#include "service/host/gateways.h"

namespace ztshim::host {

// What the two threads share. The eventfds belong to the loop's side; the thread has them under the
// same numbers in its own table.
struct PortMapper::Shared {
  struct Answer {
    std::vector<Endpoint> mapped;
    std::string report;  // for the log
  };
  Options options;
  int wanted = -1, answered = -1;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_apart = false;         // the thread has descriptors of its own (or has given up)
  bool has_ended = false;        // nobody wants answers any more
  std::optional<Answer> answer;  // the newest that the loop has not taken

  bool ended() {
    const std::lock_guard lock(mutex);
    return has_ended;
  }
};

namespace {

// vl1-behaviour 13.3, 19 (PORTMAP_REFRESH).
constexpr int kRefresh_ms = 300'000;
constexpr std::size_t kStackSize = std::size_t{512} << 10;

void poke(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = real().write(fd, &one, sizeof one);
}

void drain(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = real().read(fd, &count, sizeof count);
}

void close_range_of(unsigned first, unsigned last) {
  if (first > last || raw_syscall(SYS_close_range, first, last) == 0) return;
  // Before Linux 5.9: one by one, as far as numbers are likely to be in use.
  constexpr unsigned kLikely = 1U << 16;
  for (unsigned fd = first; fd <= std::min(last, kLikely); ++fd) raw_syscall(SYS_close, fd);
}

// A descriptor table of this thread's own with nothing in it but these two, and /dev/null for what
// the libraries print.
bool take_own_descriptors(int a, int b) {
  if (unshare(CLONE_FILES) != 0) return false;
  const auto low = static_cast<unsigned>(std::min(a, b));
  const auto high = static_cast<unsigned>(std::max(a, b));
  if (low > 0) close_range_of(0, low - 1);
  close_range_of(low + 1, high - 1);
  close_range_of(high + 1, ~0U);
  for (unsigned fd = 0; fd < 3; ++fd) {
    if (fd != low && fd != high) open("/dev/null", O_RDWR | O_CLOEXEC);
  }
  return true;
}

enum class Way : std::uint8_t { NatPmp, Upnp };

PortMapper::Shared::Answer ask(PortMapper::Shared& shared, Way& preferred) {
  const PortMapper::Options& options = shared.options;
  const IsCancelled is_cancelled = [&] { return shared.ended(); };
  PortMapper::Shared::Answer answer;
  Way way = preferred;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool is_pmp = way == Way::NatPmp;
    const bool allowed = is_pmp ? options.places.nat_pmp : options.places.upnp;
    if (allowed && !is_cancelled()) {
      const auto mapped =
          is_pmp ? map_by_nat_pmp(options.places.nat_pmp_gateway, options.port, is_cancelled)
                 : map_by_upnp(options.places.upnp_interface, options.port, options.description,
                               is_cancelled);
      answer.report += (answer.report.empty() ? "" : "; ") +
                       std::string(is_pmp ? "NAT-PMP" : "UPnP") + ": " +
                       (mapped ? mapped->text() : mapped.error());
      if (mapped) {
        answer.mapped.push_back(*mapped);
        preferred = way;
        return answer;
      }
    }
    way = is_pmp ? Way::Upnp : Way::NatPmp;
  }
  return answer;
}

void* run(void* argument) {
  const std::unique_ptr<std::shared_ptr<PortMapper::Shared>> owner(
      static_cast<std::shared_ptr<PortMapper::Shared>*>(argument));
  PortMapper::Shared& shared = **owner;
  const Inside ours;
  pthread_setname_np(pthread_self(), "ztshim-portmap");
  const bool is_apart = take_own_descriptors(shared.wanted, shared.answered);
  {
    const std::lock_guard lock(shared.mutex);
    if (!is_apart) {
      shared.answer = {{}, "this process may not have a thread with descriptors of its own"};
      poke(shared.answered);
    }
    shared.is_apart = true;
    shared.changed.notify_all();
  }
  if (!is_apart) return nullptr;
  Way preferred = Way::NatPmp;
  while (!shared.ended()) {
    auto answer = ask(shared, preferred);
    {
      const std::lock_guard lock(shared.mutex);
      shared.answer = std::move(answer);
    }
    poke(shared.answered);
    pollfd waiting{shared.wanted, POLLIN, 0};
    if (real().poll(&waiting, 1, kRefresh_ms) > 0) drain(shared.wanted);
  }
  return nullptr;
}

UniqueFd make_event() { return UniqueFd(keep_internal_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))); }

// With all signals blocked: a stranger's handlers must not run on our thread.
bool start_thread(const std::shared_ptr<PortMapper::Shared>& shared) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto argument = std::make_unique<std::shared_ptr<PortMapper::Shared>>(shared);
  pthread_t thread{};
  const int error = pthread_create(&thread, &attributes, run, argument.get());
  if (error == 0) static_cast<void>(argument.release());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

}  // namespace

std::unique_ptr<PortMapper> PortMapper::start(EventLoop& loop, Options options,
                                              OnChange on_change) {
  std::unique_ptr<PortMapper> made(new PortMapper(loop, options.port, std::move(on_change)));
  made->wanted_ = make_event();
  made->answered_ = make_event();
  if (!made->wanted_ || !made->answered_) return nullptr;
  made->watch_ = loop.watch(made->answered_.get(), EPOLLIN, *made);
  if (made->watch_ == 0) return nullptr;
  auto shared = std::make_shared<Shared>();
  shared->options = std::move(options);
  shared->wanted = made->wanted_.get();
  shared->answered = made->answered_.get();
  if (!start_thread(shared)) return nullptr;
  made->shared_ = std::move(shared);
  return made;
}

PortMapper::PortMapper(EventLoop& loop, std::uint16_t port, OnChange on_change)
    : loop_(loop), port_(port), on_change_(std::move(on_change)) {}

PortMapper::~PortMapper() {
  loop_.unwatch(watch_);
  if (shared_ == nullptr) return;  // never started
  std::unique_lock lock(shared_->mutex);
  shared_->has_ended = true;
  // Our numbers are the thread's until it has a table of its own, which is its first step.
  shared_->changed.wait(lock, [this] { return shared_->is_apart; });
  poke(wanted_.get());
}

// It may hold the lock, and in a copied process does so for ever: the shared part is left alone.
void PortMapper::forget_thread() {
  static_cast<void>(new std::shared_ptr<Shared>(std::move(shared_)));
}

void PortMapper::end_thread() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->has_ended = true;
  }
  poke(wanted_.get());
}

void PortMapper::ask_again() { poke(wanted_.get()); }

void PortMapper::on_ready(std::uint32_t) {
  drain(answered_.get());
  std::optional<Shared::Answer> answer;
  {
    const std::lock_guard lock(shared_->mutex);
    answer.swap(shared_->answer);
  }
  if (!answer) return;
  if (answer->mapped == known_) {
    log(LogArea::Host, LogLevel::Debug, "port {} at the router: {}", port_, answer->report);
    return;
  }
  log(LogArea::Host, LogLevel::Info, "port {} at the router: {}", port_, answer->report);
  known_ = answer->mapped;
  on_change_(std::move(answer->mapped));
}

}  // namespace ztshim::host
