// close(2): keeps our own descriptors out of harm; a virtual fd needs nothing, the service sees its
// end hang up. Runs in vfork children and signal handlers: one load from memory, no lock.
#include <unistd.h>

#include "common/internal_fds.h"
#include "common/real.h"
#include "shim/answer.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/lingering.h"

extern "C" ZTSHIM_HOOK int close(int fd) {
  using namespace ztshim;
  // Programs that close everything they did not open must not close us.
  if (is_internal_fd(fd) && !Inside::active()) return fail(std::errc::bad_file_descriptor);
  if (may_linger() && !Inside::active()) return close_lingering(fd);
  return real().close(fd);
}

extern "C" ZTSHIM_HOOK int __close(int fd) { return close(fd); }
