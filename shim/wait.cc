#include "shim/wait.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <iterator>

#include "common/internal_fds.h"
#include "common/real.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/no_cancel.h"
#include "shim/settings.h"

namespace ztshim {
namespace {

constexpr std::int64_t kForever = -1;

std::int64_t now_ms() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// For poll: rounded to what it takes.
int rest_ms(std::int64_t deadline) noexcept {
  if (deadline == kForever) return -1;
  return static_cast<int>(std::clamp<std::int64_t>(deadline - now_ms(), 0, INT_MAX));
}

std::int64_t send_deadline(int fd) noexcept {
  timeval limit{};
  socklen_t size = sizeof limit;
  if (real().getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &size) != 0) return kForever;
  if (limit.tv_sec == 0 && limit.tv_usec == 0) return kForever;
  return now_ms() + std::int64_t{limit.tv_sec} * 1000 + (limit.tv_usec + 999) / 1000;
}

// Raised by the thread's own instructions, not while it waits. Crash reporters and sanitizers
// handle them, always without SA_RESTART.
bool is_fault(int signal) noexcept {
  constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
  return std::find(std::begin(kFaults), std::end(kFaults), signal) != std::end(kFaults);
}

}  // namespace

bool is_restarted_by_signals() noexcept {
  const KeepErrno keep;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (is_fault(signal)) continue;
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) != 0) continue;  // libc's own
    const bool has_handler = action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
    if (has_handler && (action.sa_flags & SA_RESTART) == 0) return false;
  }
  return true;
}

bool is_nonblocking(int fd) noexcept {
  const int flags = real().fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

WaitEnd wait_for_connection(int fd) {
  const std::int64_t deadline = send_deadline(fd);
  while (true) {
    pollfd waited{fd, POLLOUT, 0};
    const int ready = real().poll(&waited, 1, rest_ms(deadline));
    if (ready > 0) return WaitEnd::Ready;
    if (ready == 0) return WaitEnd::TimedOut;
    if (errno != EINTR) return WaitEnd::Ready;  // the call that follows says what is wrong
    // With a time limit the kernel never restarts (signal(7), "Interruption of system calls").
    if (deadline != kForever || !is_restarted_by_signals()) return WaitEnd::Interrupted;
  }
}

Result<void> wait_for_networks(bool may_be_interrupted) noexcept {
  const KeepErrno keep;
  const NoCancel no_cancel;
  const std::int64_t deadline = now_ms() + config().wait.count();
  while (true) {
    auto answer = client::ask({{}, rpc::WaitReady{}});
    if (!answer) return failure(answer.error());
    if (answer->reply.kind == rpc::Reply::Kind::Done) return {};
    if (answer->reply.kind != rpc::Reply::Kind::NotReady || !answer->descriptor) {
      return failure(std::errc::network_down);
    }
    const UniqueFd ready(keep_internal_fd(answer->descriptor.release(), FdUse::Program));
    pollfd waited{ready.get(), POLLIN, 0};
    int count = 0;
    while ((count = real().poll(&waited, 1, rest_ms(deadline))) < 0) {
      if (errno != EINTR) return failure(std::errc::network_down);
      if (may_be_interrupted && !is_restarted_by_signals()) {
        return failure(std::errc::interrupted);
      }
    }
    if (count == 0) return failure(std::errc::network_down);
    // Ready, or the service ended: the next question finds out.
    if (rest_ms(deadline) == 0) return failure(std::errc::network_down);
  }
}

}  // namespace ztshim
