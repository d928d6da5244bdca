// syscall(2): the socket calls of those that do not go through their functions are sent to the same
// hooks; everything else passes as it came, six words.
//
// It passes by a jump, not by a call: a child of vfork or clone comes back from the kernel on this
// stack, and must not find a frame of ours on it that its parent still needs. (So the hook has no
// local variables, and its C signature is that of the six words, which is the same to a caller.)
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "common/real.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/leaving.h"
#include "shim/no_cancel.h"

// <unistd.h> declares syscall() with other arguments, so what is needed of it is declared here.
extern "C" {
ssize_t read(int, void*, std::size_t);
ssize_t write(int, const void*, std::size_t);
int close(int);
int close_range(unsigned, unsigned, int) noexcept;
int dup(int) noexcept;
int dup2(int, int) noexcept;
int dup3(int, int, int) noexcept;
int pidfd_getfd(int, int, unsigned) noexcept;
int execve(const char*, char* const*, char* const*) noexcept;
int execveat(int, const char*, char* const*, char* const*, int) noexcept;
}

namespace ztshim {
namespace {

bool is_dispatched(long number) noexcept {
  switch (number) {
    case SYS_socket:
    case SYS_bind:
    case SYS_listen:
    case SYS_accept:
    case SYS_accept4:
    case SYS_connect:
    case SYS_getsockname:
    case SYS_getpeername:
    case SYS_getsockopt:
    case SYS_setsockopt:
    case SYS_shutdown:
    case SYS_sendto:
    case SYS_recvfrom:
    case SYS_sendmsg:
    case SYS_recvmsg:
    case SYS_sendmmsg:
    case SYS_recvmmsg:
    case SYS_read:
    case SYS_write:
    case SYS_readv:
    case SYS_writev:
    case SYS_close:
    case SYS_close_range:
    case SYS_dup:
#ifdef SYS_dup2
    case SYS_dup2:
#endif
    case SYS_dup3:
    case SYS_fcntl:
    case SYS_ioctl:
    case SYS_pidfd_getfd:
    case SYS_execve:
    case SYS_execveat:
    case SYS_exit_group:
      return !Inside::active();
    default:
      return false;
  }
}

template <typename T>
T* pointer(long word) noexcept {
  return reinterpret_cast<T*>(word);
}

// The functions are cancellation points, syscall() is none.
__attribute__((noinline)) long dispatch(long number, long a, long b, long c, long d, long e,
                                        long f) {
  const NoCancel no_cancel;
  const auto fd = static_cast<int>(a);
  const auto size = static_cast<std::size_t>(c);
  switch (number) {
    case SYS_socket:
      return socket(fd, static_cast<int>(b), static_cast<int>(c));
    case SYS_bind:
      return bind(fd, pointer<const sockaddr>(b), static_cast<socklen_t>(c));
    case SYS_listen:
      return listen(fd, static_cast<int>(b));
    case SYS_accept:
      return accept(fd, pointer<sockaddr>(b), pointer<socklen_t>(c));
    case SYS_accept4:
      return accept4(fd, pointer<sockaddr>(b), pointer<socklen_t>(c), static_cast<int>(d));
    case SYS_connect:
      return connect(fd, pointer<const sockaddr>(b), static_cast<socklen_t>(c));
    case SYS_getsockname:
      return getsockname(fd, pointer<sockaddr>(b), pointer<socklen_t>(c));
    case SYS_getpeername:
      return getpeername(fd, pointer<sockaddr>(b), pointer<socklen_t>(c));
    case SYS_getsockopt:
      return getsockopt(fd, static_cast<int>(b), static_cast<int>(c), pointer<void>(d),
                        pointer<socklen_t>(e));
    case SYS_setsockopt:
      return setsockopt(fd, static_cast<int>(b), static_cast<int>(c), pointer<const void>(d),
                        static_cast<socklen_t>(e));
    case SYS_shutdown:
      return shutdown(fd, static_cast<int>(b));
    case SYS_sendto:
      return sendto(fd, pointer<const void>(b), size, static_cast<int>(d),
                    pointer<const sockaddr>(e), static_cast<socklen_t>(f));
    case SYS_recvfrom:
      return recvfrom(fd, pointer<void>(b), size, static_cast<int>(d), pointer<sockaddr>(e),
                      pointer<socklen_t>(f));
    case SYS_sendmsg:
      return sendmsg(fd, pointer<const msghdr>(b), static_cast<int>(c));
    case SYS_recvmsg:
      return recvmsg(fd, pointer<msghdr>(b), static_cast<int>(c));
    case SYS_sendmmsg:
      return sendmmsg(fd, pointer<mmsghdr>(b), static_cast<unsigned>(c), static_cast<int>(d));
    case SYS_recvmmsg:
      return recvmmsg(fd, pointer<mmsghdr>(b), static_cast<unsigned>(c), static_cast<int>(d),
                      pointer<timespec>(e));
    case SYS_read:
      return read(fd, pointer<void>(b), size);
    case SYS_write:
      return write(fd, pointer<const void>(b), size);
    case SYS_readv:
      return readv(fd, pointer<const iovec>(b), static_cast<int>(c));
    case SYS_writev:
      return writev(fd, pointer<const iovec>(b), static_cast<int>(c));
    case SYS_close:
      return close(fd);
    case SYS_close_range:
      return close_range(static_cast<unsigned>(a), static_cast<unsigned>(b), static_cast<int>(c));
    case SYS_dup:
      return dup(fd);
#ifdef SYS_dup2
    case SYS_dup2:
      return dup2(fd, static_cast<int>(b));
#endif
    case SYS_dup3:
      return dup3(fd, static_cast<int>(b), static_cast<int>(c));
    case SYS_fcntl:
      return fcntl(fd, static_cast<int>(b), c);
    case SYS_ioctl:
      return ioctl(fd, static_cast<unsigned long>(b), pointer<void>(c));
    case SYS_exit_group:
      leave_service();
      return real().syscall(number, a, b, c, d, e, f);
    case SYS_pidfd_getfd:
      return pidfd_getfd(fd, static_cast<int>(b), static_cast<unsigned>(c));
    case SYS_execve:
      return execve(pointer<const char>(a), pointer<char*>(b), pointer<char*>(c));
    case SYS_execveat:
      return execveat(fd, pointer<const char>(b), pointer<char*>(c), pointer<char*>(d),
                      static_cast<int>(e));
    default:
      return real().syscall(number, a, b, c, d, e, f);
  }
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK long hooked_syscall(long number, long a, long b, long c, long d, long e,
                                           long f) __asm__("syscall");
extern "C" long hooked_syscall(long number, long a, long b, long c, long d, long e, long f) {
  if (ztshim::is_dispatched(number)) return ztshim::dispatch(number, a, b, c, d, e, f);
  return ztshim::real().syscall(number, a, b, c, d, e, f);
}
