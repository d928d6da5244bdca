// setrlimit(2) and prlimit(2). A process that gives up its right to new descriptors (a sandbox's
// way, RLIMIT_NOFILE 0) goes on using the sockets it has: the connection it will need is made
// before.
#undef _FILE_OFFSET_BITS  // the headers would rename setrlimit to setrlimit64; both are defined
                          // here
#include <sys/resource.h>
#include <unistd.h>

#include "common/real.h"
#include "shim/client.h"
#include "shim/hook.h"
#include "shim/inside.h"

namespace ztshim {
namespace {

void prepare(int resource, const rlimit* wanted) noexcept {
  if (Inside::active() || resource != RLIMIT_NOFILE || wanted == nullptr) return;
  client::warm_up();
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int setrlimit(__rlimit_resource_t resource, const rlimit* limit) noexcept {
  ztshim::prepare(static_cast<int>(resource), limit);
  return ztshim::real().setrlimit(static_cast<int>(resource), limit);
}

extern "C" ZTSHIM_HOOK int prlimit(pid_t pid, __rlimit_resource resource, const rlimit* limit,
                                   rlimit* before) noexcept {
  if (pid == 0 || pid == ::getpid()) ztshim::prepare(static_cast<int>(resource), limit);
  return ztshim::real().prlimit(pid, static_cast<int>(resource), limit, before);
}

// The same structures where a word has 64 bits.
extern "C" ZTSHIM_HOOK int setrlimit64(__rlimit_resource_t resource,
                                       const rlimit64* limit) noexcept {
  return setrlimit(resource, reinterpret_cast<const rlimit*>(limit));
}

extern "C" ZTSHIM_HOOK int prlimit64(pid_t pid, __rlimit_resource resource, const rlimit64* limit,
                                     rlimit64* before) noexcept {
  return prlimit(pid, resource, reinterpret_cast<const rlimit*>(limit),
                 reinterpret_cast<rlimit*>(before));
}
