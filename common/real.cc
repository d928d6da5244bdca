#include "common/real.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <type_traits>

#include "common/raw_syscall.h"

namespace ztshim {
namespace {

// One wrapper per system call, with the C signature of the libc function.
template <typename T>
long word(T value) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<long>(value);
  } else {
    return static_cast<long>(value);
  }
}
template <long number, typename Result, typename... Args>
Result raw_call(Args... args) {
  return static_cast<Result>(raw_syscall(number, word(args)...));
}

int raw_fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  const long argument = va_arg(list, long);
  va_end(list);
  return static_cast<int>(raw_syscall(SYS_fcntl, fd, command, argument));
}

int raw_ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  const long argument = va_arg(list, long);
  va_end(list);
  return static_cast<int>(raw_syscall(SYS_ioctl, fd, word(request), argument));
}

ssize_t raw_recv(int fd, void* buffer, std::size_t size, int flags) {
  return raw_syscall(SYS_recvfrom, fd, word(buffer), word(size), flags);
}

ssize_t raw_send(int fd, const void* buffer, std::size_t size, int flags) {
  return raw_syscall(SYS_sendto, fd, word(buffer), word(size), flags);
}

int raw_poll(pollfd* fds, nfds_t count, int timeout_ms) {
  timespec timeout{timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
  return static_cast<int>(
      raw_syscall(SYS_ppoll, word(fds), word(count), timeout_ms < 0 ? 0 : word(&timeout)));
}

// Where there is no dup2 (aarch64), dup3 is told apart by equal numbers alone.
int raw_dup2(int from, int to) {
  if (from != to) return static_cast<int>(raw_syscall(SYS_dup3, from, to));
  return raw_syscall(SYS_fcntl, from, F_GETFD) < 0 ? -1 : to;
}

void raw_closefrom(int first) { raw_syscall(SYS_close_range, first, ~0U); }

int raw_setrlimit(int resource, const rlimit* limit) {
  return static_cast<int>(raw_syscall(SYS_prlimit64, 0, resource, word(limit)));
}

// The kernel takes the offset in two words; there is one in 64-bit systems' first.
template <long number>
ssize_t raw_vector(int fd, const iovec* parts, int count, off_t offset, int flags) {
  return raw_syscall(number, fd, word(parts), count, offset, 0, flags);
}

ssize_t raw_read_chk(int fd, void* buffer, std::size_t size, std::size_t room) {
  if (size > room) ::abort();
  return raw_syscall(SYS_read, fd, word(buffer), word(size));
}

ssize_t raw_recvfrom_chk(int fd, void* buffer, std::size_t size, std::size_t room, int flags,
                         sockaddr* address, socklen_t* length) {
  if (size > room) ::abort();
  return raw_syscall(SYS_recvfrom, fd, word(buffer), word(size), flags, word(address),
                     word(length));
}

ssize_t raw_recv_chk(int fd, void* buffer, std::size_t size, std::size_t room, int flags) {
  return raw_recvfrom_chk(fd, buffer, size, room, flags, nullptr, nullptr);
}

long raw_any(long number, long a, long b, long c, long d, long e, long f) {
  return raw_syscall(number, a, b, c, d, e, f);
}

// The header knows it since glibc 2.36 only; the number is the same everywhere.
constexpr long kPidfdGetfd = 438;

// There is no system call for it, and nobody calls it from within dlsym.
int no_daemon(int, int) {
  errno = ENOSYS;
  return -1;
}

// What has no system call behind it is used by programs alone, long after the resolver.
int raw_execvpe(const char* path, char* const* argv, char* const* envp) {
  return static_cast<int>(raw_syscall(SYS_execve, word(path), word(argv), word(envp)));
}

int raw_fexecve(int fd, char* const* argv, char* const* envp) {
  return static_cast<int>(
      raw_syscall(SYS_execveat, fd, word(""), word(argv), word(envp), AT_EMPTY_PATH));
}

int raw_posix_spawn(pid_t*, const char*, const posix_spawn_file_actions_t*,
                    const posix_spawnattr_t*, char* const*, char* const*) {
  return ENOSYS;
}

constexpr Real kRaw{
    .socket = raw_call<SYS_socket, int, int, int, int>,
    .socketpair = raw_call<SYS_socketpair, int, int, int, int, int*>,
    .bind = raw_call<SYS_bind, int, int, const sockaddr*, socklen_t>,
    .listen = raw_call<SYS_listen, int, int, int>,
    .accept = raw_call<SYS_accept, int, int, sockaddr*, socklen_t*>,
    .accept4 = raw_call<SYS_accept4, int, int, sockaddr*, socklen_t*, int>,
    .connect = raw_call<SYS_connect, int, int, const sockaddr*, socklen_t>,
    .getsockname = raw_call<SYS_getsockname, int, int, sockaddr*, socklen_t*>,
    .getpeername = raw_call<SYS_getpeername, int, int, sockaddr*, socklen_t*>,
    .getsockopt = raw_call<SYS_getsockopt, int, int, int, int, void*, socklen_t*>,
    .setsockopt = raw_call<SYS_setsockopt, int, int, int, int, const void*, socklen_t>,
    .shutdown = raw_call<SYS_shutdown, int, int, int>,
    .close = raw_call<SYS_close, int, int>,
    .read = raw_call<SYS_read, ssize_t, int, void*, std::size_t>,
    .write = raw_call<SYS_write, ssize_t, int, const void*, std::size_t>,
    .readv = raw_call<SYS_readv, ssize_t, int, const iovec*, int>,
    .writev = raw_call<SYS_writev, ssize_t, int, const iovec*, int>,
    .preadv2 = raw_vector<SYS_preadv2>,
    .pwritev2 = raw_vector<SYS_pwritev2>,
    .recv = raw_recv,
    .send = raw_send,
    .recvfrom =
        raw_call<SYS_recvfrom, ssize_t, int, void*, std::size_t, int, sockaddr*, socklen_t*>,
    .sendto = raw_call<SYS_sendto, ssize_t, int, const void*, std::size_t, int, const sockaddr*,
                       socklen_t>,
    .recvmsg = raw_call<SYS_recvmsg, ssize_t, int, msghdr*, int>,
    .sendmsg = raw_call<SYS_sendmsg, ssize_t, int, const msghdr*, int>,
    .recvmmsg = raw_call<SYS_recvmmsg, int, int, mmsghdr*, unsigned, int, timespec*>,
    .sendmmsg = raw_call<SYS_sendmmsg, int, int, mmsghdr*, unsigned, int>,
    .poll = raw_poll,
    .fcntl = raw_fcntl,
    .ioctl = raw_ioctl,
    .dup = raw_call<SYS_dup, int, int>,
    .dup2 = raw_dup2,
    .dup3 = raw_call<SYS_dup3, int, int, int, int>,
    .close_range = raw_call<SYS_close_range, int, unsigned, unsigned, int>,
    .closefrom = raw_closefrom,
    .execve = raw_call<SYS_execve, int, const char*, char* const*, char* const*>,
    .execvpe = raw_execvpe,
    .fexecve = raw_fexecve,
    .execveat = raw_call<SYS_execveat, int, int, const char*, char* const*, char* const*, int>,
    .posix_spawn = raw_posix_spawn,
    .posix_spawnp = raw_posix_spawn,
    .setrlimit = raw_setrlimit,
    .prlimit = raw_call<SYS_prlimit64, int, pid_t, int, const rlimit*, rlimit*>,
    .pidfd_getfd = raw_call<kPidfdGetfd, int, int, int, unsigned>,
    .syscall = raw_any,
    .read_chk = raw_read_chk,
    .recv_chk = raw_recv_chk,
    .recvfrom_chk = raw_recvfrom_chk,
    ._exit = raw_call<SYS_exit_group, void, int>,
    ._Exit = raw_call<SYS_exit_group, void, int>,
    .daemon = no_daemon,
};

constinit Real resolved{};
constinit std::atomic<bool> is_resolved{false};
// Initial-exec: reading it must not allocate (we may be inside malloc).
__attribute__((tls_model("initial-exec"))) constinit thread_local bool resolving = false;

// Several threads may do this at once; all of them write the same pointers.
void resolve() noexcept {
  const auto find = [](const char* name, auto& slot, auto fallback) {
    void* const found = dlsym(RTLD_NEXT, name);
    using Function = std::remove_reference_t<decltype(slot)>;
    const Function function = found != nullptr ? reinterpret_cast<Function>(found) : fallback;
    __atomic_store_n(&slot, function, __ATOMIC_RELAXED);
  };
#define ZTSHIM_RESOLVE(name) find(#name, resolved.name, kRaw.name)
  ZTSHIM_RESOLVE(socket);
  ZTSHIM_RESOLVE(socketpair);
  ZTSHIM_RESOLVE(bind);
  ZTSHIM_RESOLVE(listen);
  ZTSHIM_RESOLVE(accept);
  ZTSHIM_RESOLVE(accept4);
  ZTSHIM_RESOLVE(connect);
  ZTSHIM_RESOLVE(getsockname);
  ZTSHIM_RESOLVE(getpeername);
  ZTSHIM_RESOLVE(getsockopt);
  ZTSHIM_RESOLVE(setsockopt);
  ZTSHIM_RESOLVE(shutdown);
  ZTSHIM_RESOLVE(close);
  ZTSHIM_RESOLVE(read);
  ZTSHIM_RESOLVE(write);
  ZTSHIM_RESOLVE(readv);
  ZTSHIM_RESOLVE(writev);
  ZTSHIM_RESOLVE(preadv2);
  ZTSHIM_RESOLVE(pwritev2);
  ZTSHIM_RESOLVE(recv);
  ZTSHIM_RESOLVE(send);
  ZTSHIM_RESOLVE(recvfrom);
  ZTSHIM_RESOLVE(sendto);
  ZTSHIM_RESOLVE(recvmsg);
  ZTSHIM_RESOLVE(sendmsg);
  ZTSHIM_RESOLVE(recvmmsg);
  ZTSHIM_RESOLVE(sendmmsg);
  ZTSHIM_RESOLVE(poll);
  ZTSHIM_RESOLVE(fcntl);
  ZTSHIM_RESOLVE(ioctl);
  ZTSHIM_RESOLVE(dup);
  ZTSHIM_RESOLVE(dup2);
  ZTSHIM_RESOLVE(dup3);
  ZTSHIM_RESOLVE(close_range);
  ZTSHIM_RESOLVE(closefrom);
  ZTSHIM_RESOLVE(execve);
  ZTSHIM_RESOLVE(execvpe);
  ZTSHIM_RESOLVE(fexecve);
  ZTSHIM_RESOLVE(execveat);
  ZTSHIM_RESOLVE(posix_spawn);
  ZTSHIM_RESOLVE(posix_spawnp);
  ZTSHIM_RESOLVE(setrlimit);
  ZTSHIM_RESOLVE(prlimit);
  ZTSHIM_RESOLVE(pidfd_getfd);
  ZTSHIM_RESOLVE(syscall);
  ZTSHIM_RESOLVE(_exit);
  ZTSHIM_RESOLVE(_Exit);
  ZTSHIM_RESOLVE(daemon);
#undef ZTSHIM_RESOLVE
  find("__read_chk", resolved.read_chk, kRaw.read_chk);
  find("__recv_chk", resolved.recv_chk, kRaw.recv_chk);
  find("__recvfrom_chk", resolved.recvfrom_chk, kRaw.recvfrom_chk);
}

}  // namespace

const Real& real() noexcept {
  if (is_resolved.load(std::memory_order_acquire)) return resolved;
  if (resolving) return kRaw;
  resolving = true;
  resolve();
  is_resolved.store(true, std::memory_order_release);
  resolving = false;
  return resolved;
}

}  // namespace ztshim
