// _exit, _Exit, daemon: the ways out on which no destructor runs. (exit and quick_exit come to
// leave_service() by themselves; exec has hooks of its own.) Callable in signal handlers, and in
// forked and vforked children, where they do nothing else.
#include <stdlib.h>
#include <unistd.h>

#include "common/real.h"
#include "shim/hook.h"
#include "shim/leaving.h"

extern "C" [[noreturn]] ZTSHIM_HOOK void _exit(int status) {
  using namespace ztshim;
  leave_service();
  real()._exit(status);
  __builtin_unreachable();
}

extern "C" [[noreturn]] ZTSHIM_HOOK void _Exit(int status) noexcept {
  using namespace ztshim;
  leave_service();
  real()._Exit(status);
  __builtin_unreachable();
}

// libc's forks, and the parent ends, without passing a hook. The child's sockets are then those of
// a service that is in neither of them.
extern "C" ZTSHIM_HOOK int daemon(int nochdir, int noclose) noexcept {
  using namespace ztshim;
  leave_service();
  return real().daemon(nochdir, noclose);
}
