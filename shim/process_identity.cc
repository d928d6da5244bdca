#include "shim/process_identity.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "common/internal_fds.h"
#include "common/service_entry.h"
#include "shim/answer.h"
#include "shim/capability.h"
#include "shim/client.h"
#include "shim/netlink.h"
#include "shim/no_cancel.h"

namespace ztshim {
namespace {

constexpr int kCleaningUp = -1;

// One page that the kernel empties in every child with a copy of our memory (MADV_WIPEONFORK). It
// holds the process id of its owner; 0: wiped, or never used.
constinit std::atomic<std::atomic<int>*> page{nullptr};
// Used when there is no such page (kernels before 4.14): then pthread_atfork alone tells us.
constinit std::atomic<int> unwiped{0};

std::atomic<int>& owner() noexcept {
  if (auto* const known = page.load(std::memory_order_acquire)) return *known;
  constexpr std::size_t kSize = 4096;
  void* const fresh =
      ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* mine = &unwiped;
  if (fresh != MAP_FAILED && ::madvise(fresh, kSize, MADV_WIPEONFORK) == 0) {
    mine = static_cast<std::atomic<int>*>(fresh);  // zeroes are a valid atomic
  }
  mine->store(::getpid());
  std::atomic<int>* expected = nullptr;
  if (page.compare_exchange_strong(expected, mine)) return *mine;
  if (fresh != MAP_FAILED) ::munmap(fresh, kSize);
  return *expected;
}

void forget_parent() noexcept {
  const NoCancel no_cancel;
  netlink::forget_questions();
  client::forget_connections();
  forget_service_after_fork();
  close_internal_fds_after_fork(capability::current());
}

}  // namespace

ProcessKind process_kind() noexcept {
  const KeepErrno keep;
  std::atomic<int>& pid = owner();
  int seen = pid.load(std::memory_order_acquire);
  if (seen == ::getpid()) return ProcessKind::Own;
  if (seen > 0) return ProcessKind::SharesMemory;
  // A handler interrupting the clean-up would wait for the thread it interrupts.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  seen = 0;
  if (pid.compare_exchange_strong(seen, kCleaningUp)) {
    forget_parent();
    pid.store(::getpid(), std::memory_order_release);
  } else {
    while (pid.load(std::memory_order_acquire) == kCleaningUp) ::sched_yield();
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return ProcessKind::Own;
}

void become_forked_child() noexcept {
  if (is_service_copy()) {
    client::forget_connections();  // the service goes on here, and no program does
  } else {
    forget_parent();
  }
  owner().store(::getpid(), std::memory_order_release);
}

}  // namespace ztshim
