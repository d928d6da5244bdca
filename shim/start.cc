// What happens without being called: reading the environment before main, the fork handlers, and
// the last promise at exit: bytes that the application has written arrive.
#include <pthread.h>
#include <stdlib.h>

#include "common/real.h"
#include "common/service_entry.h"
#include "shim/capability.h"
#include "shim/exec_environment.h"
#include "shim/hint.h"
#include "shim/leaving.h"
#include "shim/process_identity.h"
#include "shim/settings.h"

namespace ztshim {
namespace {

__attribute__((constructor)) void on_load() {
  real();
  read_settings();
  remember_environment();
  capability::inherit();
  if (may_be_active()) hint::note_inherited();
  ::pthread_atfork(
      nullptr, [] { note_fork_of_host(); }, [] { become_forked_child(); });
  // Has no value in any other thread, so it is called when the first one ends and the process does
  // not.
  if (pthread_key_t key{};
      ::pthread_key_create(&key, [](void*) { note_end_of_first_thread(); }) == 0) {
    ::pthread_setspecific(key, &real());
  }
  // The first to be registered and so the last to be called.
  ::at_quick_exit([] { leave_service(); });
}

__attribute__((destructor)) void on_exit() { leave_service(); }

}  // namespace
}  // namespace ztshim
