// What happens without being called: reading the environment before main, the fork handler, and the
// last promise at exit: bytes that the application has written arrive.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "common/internal_fds.h"
#include "common/real.h"
#include "common/service_entry.h"
#include "shim/hint.h"
#include "shim/inside.h"
#include "shim/no_cancel.h"
#include "shim/open_fds.h"
#include "shim/process_identity.h"
#include "shim/settings.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

// How long nothing at all may be acknowledged before the rest is given up. A peer behind a path
// that is being found anew answers within this; one that is gone for good must not hold the exit
// longer.
constexpr Duration kDrainPatience{30'000};

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

__attribute__((constructor)) void on_load() {
  real();
  read_settings();
  if (may_be_active()) hint::note_inherited();
  ::pthread_atfork(nullptr, nullptr, [] { become_forked_child(); });
}

__attribute__((destructor)) void on_exit() {
  // Forks that nobody told us of must not wait for their parent's bytes.
  if (process_kind() != ProcessKind::Own || !is_hosting_service()) return;
  const NoCancel no_cancel;
  flush_standard_output();
  const Inside inside;
  close_virtual_fds();
  drain_service(kDrainPatience);
  stop_service();
}

}  // namespace
}  // namespace ztshim
