#include "shim/leaving.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <atomic>

#include "common/real.h"
#include "common/service_entry.h"
#include "shim/answer.h"
#include "shim/inside.h"
#include "shim/no_cancel.h"
#include "shim/open_fds.h"
#include "shim/process_identity.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

// How long nothing at all may be acknowledged before the rest is given up. A peer behind a path
// that is being found anew answers within this; one that is gone for good must not hold the exit
// longer.
constexpr Duration kDrainPatience{30'000};
constexpr int kOtherLeaverPollMs = 1;

constinit std::atomic<bool> is_leaving{false};

// So that the service sees the ends hang up and says FIN after the last byte, as the kernel does
// when a process exits.
void close_virtual_fds() noexcept {
  for_each_open_fd([](int fd) {
    if (virtual_socket(fd)) real().close(fd);
  });
}

// libc flushes its streams after this library's destructor; one that writes to a virtual socket
// (inetd style) must be flushed while there is still a socket. Never waits for another thread's
// lock.
void flush_standard_output() noexcept {
  if (!virtual_socket(STDOUT_FILENO) || ::ftrylockfile(stdout) != 0) return;
  ::fflush(stdout);
  ::funlockfile(stdout);
}

// The last way: wait until everything is sent.
void drain() noexcept {
  flush_standard_output();
  const Inside inside;
  close_virtual_fds();
  drain_service(kDrainPatience);
  stop_service();
}

}  // namespace

void leave_service() noexcept {
  if (!is_hosting_service() || process_kind() != ProcessKind::Own || !is_hosting_service()) return;
  const KeepErrno keep;
  const NoCancel no_cancel;
  // A handler that ended the process from here would wait for itself.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  // Another thread that is already at it must not be cut off in the middle.
  while (is_leaving.exchange(true)) real().poll(nullptr, 0, kOtherLeaverPollMs);
  if (is_hosting_service() && hand_over_service() == HandOver::Refused) drain();
  is_leaving.store(false);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace ztshim
