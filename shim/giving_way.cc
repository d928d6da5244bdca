#include "shim/giving_way.h"

#include <pthread.h>
#include <signal.h>

#include "common/internal_fds.h"
#include "common/service_entry.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/no_cancel.h"
#include "shim/process_identity.h"

namespace ztshim {

void give_way(int fd) noexcept {
  const KeepErrno keep;
  // A vfork child has a table of its own, and the memory is its parent's: losing the copy is all
  // that happens.
  if (process_kind() == ProcessKind::SharesMemory) return;
  const NoCancel no_cancel;
  // A handler that came here would wait for the thread it interrupts.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  if (!move_shared_fd(fd) && !client::vacate(fd)) vacate_service_fd(fd);
  forget_internal_fd(fd);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace ztshim
