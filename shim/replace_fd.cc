#include "shim/replace_fd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/real.h"
#include "shim/answer.h"
#include "shim/epoll_registrations.h"

namespace ztshim {
namespace {

// F_SETOWN_EX's argument (fcntl.h declares it, but varargs take it by pointer anyway).
void copy_async_state(int from, int to, int flags) noexcept {
  f_owner_ex owner{};
  if (real().fcntl(from, F_GETOWN_EX, &owner) == 0 && owner.pid != 0) {
    real().fcntl(to, F_SETOWN_EX, &owner);
  }
  const int signal = real().fcntl(from, F_GETSIG);
  if (signal > 0) real().fcntl(to, F_SETSIG, static_cast<long>(signal));
  constexpr int kCarried = O_NONBLOCK | O_ASYNC;
  const int own = real().fcntl(to, F_GETFL);
  if (own >= 0) {
    real().fcntl(to, F_SETFL, static_cast<long>((own & ~kCarried) | (flags & kCarried)));
  }
}

// What setsockopt left to the kernel object (interposition 10, "K").
void copy_kernel_options(int from, int to) noexcept {
  constexpr int kTimes[] = {SO_RCVTIMEO, SO_SNDTIMEO};
  for (const int name : kTimes) {
    timeval value{};
    socklen_t size = sizeof value;
    if (real().getsockopt(from, SOL_SOCKET, name, &value, &size) != 0) continue;
    if (value.tv_sec == 0 && value.tv_usec == 0) continue;
    real().setsockopt(to, SOL_SOCKET, name, &value, size);
  }
  constexpr int kNumbers[] = {SO_PRIORITY, SO_MARK};
  for (const int name : kNumbers) {
    int value = 0;
    socklen_t size = sizeof value;
    if (real().getsockopt(from, SOL_SOCKET, name, &value, &size) != 0 || value == 0) continue;
    real().setsockopt(to, SOL_SOCKET, name, &value, size);
  }
}

}  // namespace

Result<void> replace_fd(int fd, UniqueFd with) noexcept {
  const int descriptor_flags = real().fcntl(fd, F_GETFD);
  const int status_flags = real().fcntl(fd, F_GETFL);
  if (descriptor_flags < 0 || status_flags < 0) return failure(last_error());
  copy_async_state(fd, with.get(), status_flags);
  copy_kernel_options(fd, with.get());
  const EpollRegistrations registrations = EpollRegistrations::of(fd);
  // Removed by hand: the sets forget the old file by themselves only with its last duplicate.
  registrations.remove(fd);
  const int flags = (descriptor_flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0;
  const bool is_done = real().dup3(with.get(), fd, flags) >= 0;
  const std::errc error = is_done ? std::errc{} : last_error();
  registrations.add(fd);
  if (!is_done) return failure(error);
  return {};
}

}  // namespace ztshim
