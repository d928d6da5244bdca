#include "service/handover.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/internal_fds.h"
#include "common/raw_syscall.h"

namespace ztshim {
namespace {

// As deep as the service's thread; the page below it catches what goes deeper.
constexpr std::size_t kStackSize = std::size_t{1} << 20;
constexpr std::size_t kGuard = 4096;

struct Copying {
  void (*body)(void*);
  void* argument;
  pid_t original;
  pid_t copy = -1;
  int error = 0;
};

// The middle process: memory is the original's, whose thread waits meanwhile.
int fork_and_end(void* argument) {
  auto& copying = *static_cast<Copying*>(argument);
  // fork() waits for malloc's locks. Should one of them never come free (the process ends in a
  // signal handler that interrupted malloc), the original gives up and ends, and so does this.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != copying.original) return 1;
  copying.copy = ::fork();
  copying.error = errno;
  if (copying.copy == 0) copying.body(copying.argument);
  return 0;
}

// An application that adopts orphans must not get this one.
class NoSubreaper {
 public:
  NoSubreaper() {
    ::prctl(PR_GET_CHILD_SUBREAPER, &was_);
    if (was_ != 0) ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }
  ~NoSubreaper() {
    if (was_ != 0) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  NoSubreaper(const NoSubreaper&) = delete;
  NoSubreaper& operator=(const NoSubreaper&) = delete;

 private:
  int was_ = 0;
};

// Memory shared with others counts as used by us: a database looks at who is attached to its
// segment. Nothing of the service's is shared.
void unmap_shared_memory() {
  FILE* const maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  std::array<std::pair<unsigned long, unsigned long>, 512> shared;
  for (std::size_t count = shared.size(); count == shared.size();) {
    count = 0;
    std::rewind(maps);
    std::array<char, 512> line;
    bool is_start = true;
    while (count < shared.size() && std::fgets(line.data(), line.size(), maps) != nullptr) {
      unsigned long first = 0, end = 0;
      char kind = 0;
      if (is_start && std::sscanf(line.data(), "%lx-%lx %*3c%c", &first, &end, &kind) == 3 &&
          kind == 's') {
        shared[count++] = {first, end};
      }
      is_start = std::strchr(line.data(), '\n') != nullptr;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto [first, end] = shared[i];
      if (::munmap(reinterpret_cast<void*>(first), end - first) != 0) count = 0;
    }
  }
  std::fclose(maps);
}

// What ps and pgrep show, which is otherwise the application's command line.
void take_name() {
  ::prctl(PR_SET_NAME, "ztshim");
  FILE* const stat = std::fopen("/proc/self/stat", "re");
  if (stat == nullptr) return;
  std::array<char, 2048> line{};
  const std::size_t size = std::fread(line.data(), 1, line.size() - 1, stat);
  std::fclose(stat);
  const char* at = std::strrchr(line.data(), ')');
  // Fields 48 and 49 are the arguments' place (proc(5)); the one behind the name is the third.
  constexpr int kFirst = 48;
  for (int field = 2; at != nullptr && field < kFirst; ++field) at = std::strchr(at + 1, ' ');
  unsigned long first = 0, end = 0;
  if (size == 0 || at == nullptr || std::sscanf(at, "%lu %lu", &first, &end) != 2) return;
  constexpr char kName[] = "ztshim (handed over)";
  auto* const place = reinterpret_cast<char*>(first);
  if (first == 0 || end <= first) return;
  std::memset(place, 0, end - first);
  std::memcpy(place, kName, std::min(sizeof kName - 1, end - first - 1));
}

void reset_signals(void (*stop)(int)) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);
  action.sa_handler = stop;
  action.sa_flags = SA_RESTART;
  sigset_t mask;
  sigfillset(&mask);
  for (const int number : {SIGTERM, SIGINT}) {
    ::sigaction(number, &action, nullptr);
    sigdelset(&mask, number);
  }
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

}  // namespace

const char* why_no_copy() {
  if (::getpid() == 1) return "this is the first process of its namespace";
  // A filter that does not allow the question counts as one.
  if (::prctl(PR_GET_SECCOMP) != 0) return "system calls are filtered";
  return nullptr;
}

Result<pid_t, int> make_copy(void (*body)(void*), void* argument) {
  void* const stack = ::mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return failure(errno);
  ::mprotect(stack, kGuard, PROT_NONE);
  Copying copying{body, argument, ::getpid()};
  const NoSubreaper no_subreaper;
  const pid_t middle = ::clone(fork_and_end, static_cast<char*>(stack) + kStackSize,
                               CLONE_VM | CLONE_VFORK, &copying);
  const int error = middle < 0 ? errno : copying.error;
  if (middle > 0) {
    while (::waitpid(middle, nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }
  ::munmap(stack, kStackSize);
  if (middle < 0 || copying.copy < 0) return failure(error != 0 ? error : EAGAIN);
  return copying.copy;
}

void settle_in_copy(void (*stop)(int)) {
  reset_signals(stop);
  ::setsid();
  close_internal_fds_of(FdUse::Program);
  close_internal_fds_of(FdUse::LifeLine);
  close_foreign_fds();
  // So that nothing of ours ever has a number that libraries print to.
  while (true) {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0 || fd > STDERR_FILENO) {
      if (fd >= 0) raw_syscall(SYS_close, fd);
      break;
    }
  }
  [[maybe_unused]] const int moved = ::chdir("/");
  unmap_shared_memory();
  take_name();
}

}  // namespace ztshim
