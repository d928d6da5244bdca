// close(2), dup(2) and fcntl(2) with their variants: keep our own descriptors out of harm. A
// virtual fd needs nothing of them, the service sees its end hang up. They run in vfork children
// and signal handlers: a few loads from memory, no lock.
//
// A number of ours looks free to the application: closing, duplicating and asking about it is
// EBADF, and whatever closes a range goes around it. Only putting another file there works, and
// ours moves.
#undef _FILE_OFFSET_BITS  // the headers would rename fcntl to fcntl64; both are defined here
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdarg>

#include "common/internal_fds.h"
#include "common/real.h"
#include "shim/answer.h"
#include "shim/giving_way.h"
#include "shim/hint.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/lingering.h"

namespace ztshim {
namespace {

bool is_protected(int fd) noexcept { return is_internal_fd(fd) && !Inside::active(); }

// The answer of every call that makes a second number for a file.
int duplicated(int from, int to) noexcept {
  hint::copy(from, to);
  return to;
}

// dup2 and dup3: `real_call` puts `from` at `to`.
template <typename Call>
int put_at(int from, int to, Call real_call) noexcept {
  if (is_protected(from)) return fail(std::errc::bad_file_descriptor);
  // A call that fails anyway moves nothing.
  if (is_protected(to) && real().fcntl(from, F_GETFD) >= 0) give_way(to);
  return duplicated(from, real_call(from, to));
}

// Closes [first, last] but for what is ours.
template <typename CloseRange>
int close_around_ours(unsigned first, unsigned last, CloseRange close_range) noexcept {
  while (first <= last) {
    const int ours = first > INT_MAX ? -1 : next_internal_fd(static_cast<int>(first));
    if (ours < 0 || static_cast<unsigned>(ours) > last) return close_range(first, last);
    const auto number = static_cast<unsigned>(ours);
    if (number > first && close_range(first, number - 1) != 0) return -1;
    first = number + 1;
  }
  return 0;
}

// Before Linux 5.9: one by one, as far as numbers can be in use.
int close_each(unsigned first, unsigned last) noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
  const auto end = std::min<rlim_t>(limit.rlim_cur, rlim_t{last} + 1);
  for (rlim_t fd = first; fd < end; ++fd) real().close(static_cast<int>(fd));
  return 0;
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int close(int fd) {
  using namespace ztshim;
  // Programs that close everything they did not open must not close us.
  if (is_protected(fd)) return fail(std::errc::bad_file_descriptor);
  if (!Inside::active()) hint::forget(fd);
  if (may_linger() && !Inside::active()) return close_lingering(fd);
  return real().close(fd);
}

extern "C" ZTSHIM_HOOK int __close(int fd) { return close(fd); }

extern "C" ZTSHIM_HOOK int close_range(unsigned first, unsigned last, int flags) noexcept {
  using namespace ztshim;
  // Ours are close-on-exec already; what the kernel refuses, it refuses for these arguments.
  const bool is_unsharing = flags == static_cast<int>(CLOSE_RANGE_UNSHARE);
  const bool is_closing = first <= last && (flags == 0 || is_unsharing);
  if (Inside::active() || !is_closing) return real().close_range(first, last, flags);
  const int saved = errno;
  if (is_unsharing && ::unshare(CLONE_FILES) != 0) return -1;
  const int closed = close_around_ours(
      first, last, [](unsigned from, unsigned to) { return real().close_range(from, to, 0); });
  if (closed == 0) errno = saved;
  return closed;
}

extern "C" ZTSHIM_HOOK void closefrom(int first) noexcept {
  using namespace ztshim;
  const int from = std::max(first, 0);
  // libc's own when there is nothing to go around.
  if (Inside::active() || next_internal_fd(from) < 0) return real().closefrom(first);
  const KeepErrno keep;
  close_around_ours(static_cast<unsigned>(from), ~0U, [](unsigned at, unsigned to) {
    return real().close_range(at, to, 0) == 0 ? 0 : close_each(at, to);
  });
}

extern "C" ZTSHIM_HOOK int dup(int fd) noexcept {
  using namespace ztshim;
  if (is_protected(fd)) return fail(std::errc::bad_file_descriptor);
  return duplicated(fd, real().dup(fd));
}

extern "C" ZTSHIM_HOOK int dup2(int from, int to) noexcept {
  return ztshim::put_at(from, to, [](int a, int b) { return ztshim::real().dup2(a, b); });
}

extern "C" ZTSHIM_HOOK int __dup2(int from, int to) noexcept { return dup2(from, to); }

extern "C" ZTSHIM_HOOK int dup3(int from, int to, int flags) noexcept {
  return ztshim::put_at(from, to,
                        [flags](int a, int b) { return ztshim::real().dup3(a, b, flags); });
}

// Some commands wait for a lock, so a cancellation point. The third argument, if there is one, is
// passed on as the word it came in.
extern "C" ZTSHIM_HOOK int fcntl(int fd, int command, ...) {
  using namespace ztshim;
  va_list list;
  va_start(list, command);
  const long argument = va_arg(list, long);
  va_end(list);
  if (is_protected(fd)) return fail(std::errc::bad_file_descriptor);
  const int result = real().fcntl(fd, command, argument);
  const bool duplicates = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
  return duplicates ? duplicated(fd, result) : result;
}

extern "C" ZTSHIM_HOOK int __fcntl(int fd, int command, ...) __attribute__((alias("fcntl")));
extern "C" ZTSHIM_HOOK int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));

// Another process's socket may be one of ours. (glibc has had the function since 2.36 only, and the
// header does not declare it to C++ programs of before.)
extern "C" ZTSHIM_HOOK int pidfd_getfd(int pidfd, int number, unsigned flags) noexcept {
  using namespace ztshim;
  const int fd = real().pidfd_getfd(pidfd, number, flags);
  if (!Inside::active()) hint::note_if_virtual(fd);
  return fd;
}
