// The calls that send: write(2), send(2), sendmsg(2) and their forms. Streams and files go straight
// to libc after one load from memory, unless a call says something that AF_UNIX would take
// differently from TCP: a destination, control messages, MSG_OOB, MSG_FASTOPEN.
//
// All are cancellation points, so nothing with a destructor is alive while they wait.
#undef _FILE_OFFSET_BITS  // the headers would rename pwritev2 to pwritev64v2; both are defined here
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "common/real.h"
#include "shim/ancillary.h"
#include "shim/answer.h"
#include "shim/datagram_io.h"
#include "shim/hint.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/netlink.h"
#include "shim/stream_error.h"
#include "shim/user_memory.h"
#include "shim/wait.h"

namespace ztshim {
namespace {

constexpr int kSpecialFlags = MSG_OOB | MSG_FASTOPEN;

// After a hook found that it is worth asking.
Carrier sender(int fd) noexcept { return Inside::active() ? Carrier{} : carrier_of(fd); }

// What a write to a listener, or past the end of a connection, does.
int broken_pipe(int flags) noexcept {
  if ((flags & MSG_NOSIGNAL) == 0) ::pthread_kill(::pthread_self(), SIGPIPE);
  return fail(std::errc::broken_pipe);
}

// What libc's call returned on what may be a connection. The pair has one word for all ends of it;
// TCP says a reset first, and raises no signal then. The signal is held back where a call can (not
// write) until that is known.
ssize_t explained(int fd, ssize_t sent) noexcept {
  return sent >= 0 || errno != EPIPE ? sent : explain_broken_pipe(fd);
}

ssize_t explained(int fd, ssize_t sent, int flags) noexcept {
  if (sent >= 0 || errno != EPIPE) return sent;
  return explain_broken_pipe(fd) < 0 && errno == EPIPE ? broken_pipe(flags) : -1;
}

// Before the handshake is over, bytes would go where the gate is. False: the call ends with errno.
bool await_connection(int fd, int flags) {
  if ((flags & MSG_DONTWAIT) != 0 || is_nonblocking(fd)) {
    fail(std::errc::resource_unavailable_try_again);
    return false;
  }
  switch (wait_for_connection(fd)) {
    case WaitEnd::Ready:
      return true;
    case WaitEnd::TimedOut:
      fail(std::errc::resource_unavailable_try_again);
      return false;
    case WaitEnd::Interrupted:
      fail(std::errc::interrupted);
      return false;
  }
  return true;
}

// TCP's meaning of a send that is more than bytes.
ssize_t send_on_stream(int fd, Carries carries, const msghdr* message, int flags) {
  if (is_bad_pointer(message)) return fail(std::errc::bad_address);
  // Urgent data does not cross the network.
  if ((flags & MSG_OOB) != 0) return fail(std::errc::operation_not_supported);
  if (const auto checked = check_stream_ancillary(*message); !checked) return fail(checked.error());
  if ((flags & MSG_FASTOPEN) != 0) {
    const auto* const address = static_cast<const sockaddr*>(message->msg_name);
    const socklen_t length = message->msg_namelen;
    const bool is_unspecified = !is_bad_pointer(address) && length >= sizeof(sa_family_t) &&
                                address->sa_family == AF_UNSPEC;
    if (is_unspecified) return fail(std::errc::operation_not_supported);
    // Without a cookie, which nobody gives here, TCP connects first and sends then; a call that
    // must not wait ends with EINPROGRESS and has sent nothing.
    if (connect(fd, address, length) != 0) return -1;
  }
  if (carries == Carries::Nothing && (flags & MSG_FASTOPEN) == 0) return broken_pipe(flags);
  if (carries == Carries::Handshake && !await_connection(fd, flags)) return -1;
  // A destination is ignored, descriptors do not travel.
  msghdr plain = *message;
  plain.msg_name = nullptr;
  plain.msg_namelen = 0;
  plain.msg_control = nullptr;
  plain.msg_controllen = 0;
  const int quietly = (flags & ~MSG_FASTOPEN) | MSG_NOSIGNAL;
  return explained(fd, real().sendmsg(fd, &plain, quietly), flags);
}

ssize_t send_on(int fd, const Carrier& carrier, const msghdr* message, int flags) {
  switch (carrier.carries) {
    case Carries::Datagrams:
      return send_datagram(fd, carrier.name, message, flags);
    case Carries::Accepts:
      return broken_pipe(flags);
    case Carries::Plain:
    case Carries::Handshake:
    case Carries::Nothing:
      break;
  }
  if (carrier.name == SocketName{}) return real().sendmsg(fd, message, flags);
  return send_on_stream(fd, carrier.carries, message, flags);
}

ssize_t send_from(int fd, const Carrier& carrier, const void* buffer, std::size_t size, int flags,
                  const sockaddr* address, socklen_t length) {
  iovec part{const_cast<void*>(buffer), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = const_cast<sockaddr*>(address);
  message.msg_namelen = address == nullptr ? 0 : length;
  return send_on(fd, carrier, &message, flags);
}

// writev sends nothing at all where there is nothing in it; write does.
ssize_t write_from(int fd, const Carrier& carrier, const iovec* parts, int count, int flags) {
  if (count < 0 || count > 1024) return fail(std::errc::invalid_argument);
  if (count > 0 && is_bad_pointer(parts)) return fail(std::errc::bad_address);
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) size |= parts[i].iov_len;
  if (size == 0) return 0;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return send_on(fd, carrier, &message, flags);
}

// Questions about interfaces.
void note_netlink(int fd, const void* buffer, std::size_t size) noexcept {
  if (!netlink::has_sockets.load(std::memory_order_relaxed) || is_bad_pointer(buffer)) return;
  iovec part{const_cast<void*>(buffer), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  netlink::note_request(fd, message);
}

bool is_special(const msghdr& message, int flags) noexcept {
  return message.msg_name != nullptr || message.msg_controllen > 0 || (flags & kSpecialFlags) != 0;
}

// The kernel takes no more at once.
constexpr unsigned kMostMessages = 1024;

int send_many(int fd, const Carrier& carrier, mmsghdr* messages, unsigned count, int flags) {
  if (count > kMostMessages) count = kMostMessages;
  if (count > 0 && is_bad_pointer(messages)) return fail(std::errc::bad_address);
  unsigned done = 0;
  while (done < count) {
    const ssize_t sent = send_on(fd, carrier, &messages[done].msg_hdr, flags);
    if (sent < 0) break;
    messages[done++].msg_len = static_cast<unsigned>(sent);
  }
  return done == 0 && count > 0 ? -1 : static_cast<int>(done);
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK ssize_t write(int fd, const void* buffer, std::size_t size) {
  using namespace ztshim;
  if (!hint::perhaps(fd)) return explained(fd, real().write(fd, buffer, size));
  const Carrier carrier = sender(fd);
  if (carrier.carries == Carries::Plain) return explained(fd, real().write(fd, buffer, size));
  return send_from(fd, carrier, buffer, size, 0, nullptr, 0);
}

extern "C" ZTSHIM_HOOK ssize_t __write(int fd, const void* buffer, std::size_t size) {
  return write(fd, buffer, size);
}

extern "C" ZTSHIM_HOOK ssize_t writev(int fd, const iovec* parts, int count) {
  using namespace ztshim;
  if (!hint::perhaps(fd)) return explained(fd, real().writev(fd, parts, count));
  const Carrier carrier = sender(fd);
  if (carrier.carries == Carries::Plain) return explained(fd, real().writev(fd, parts, count));
  return write_from(fd, carrier, parts, count, 0);
}

// With offset -1 it is writev. Other offsets are ESPIPE on every socket, which the kernel says.
extern "C" ZTSHIM_HOOK ssize_t pwritev2(int fd, const iovec* parts, int count, off_t offset,
                                        int flags) {
  using namespace ztshim;
  constexpr int kHarmless = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT;
  const bool is_writev = offset == -1 && (flags & ~kHarmless) == 0;
  if (!is_writev || !hint::perhaps(fd)) return real().pwritev2(fd, parts, count, offset, flags);
  const Carrier carrier = sender(fd);
  if (carrier.carries == Carries::Plain) {
    return real().pwritev2(fd, parts, count, offset, flags);
  }
  return write_from(fd, carrier, parts, count, (flags & RWF_NOWAIT) != 0 ? MSG_DONTWAIT : 0);
}

extern "C" ZTSHIM_HOOK ssize_t pwritev64v2(int fd, const iovec* parts, int count, off64_t offset,
                                           int flags) {
  return pwritev2(fd, parts, count, offset, flags);
}

extern "C" ZTSHIM_HOOK ssize_t send(int fd, const void* buffer, std::size_t size, int flags) {
  using namespace ztshim;
  note_netlink(fd, buffer, size);
  if (!hint::perhaps(fd) && (flags & kSpecialFlags) == 0) {
    return explained(fd, real().send(fd, buffer, size, flags | MSG_NOSIGNAL), flags);
  }
  const Carrier carrier = sender(fd);
  const bool is_ours = carrier.carries != Carries::Plain || carrier.name != SocketName{};
  if (!is_ours) return real().send(fd, buffer, size, flags);
  return send_from(fd, carrier, buffer, size, flags, nullptr, 0);
}

extern "C" ZTSHIM_HOOK ssize_t __send(int fd, const void* buffer, std::size_t size, int flags) {
  return send(fd, buffer, size, flags);
}

extern "C" ZTSHIM_HOOK ssize_t sendto(int fd, const void* buffer, std::size_t size, int flags,
                                      const sockaddr* address, socklen_t length) {
  using namespace ztshim;
  note_netlink(fd, buffer, size);
  if (!hint::perhaps(fd) && address == nullptr && (flags & kSpecialFlags) == 0) {
    return explained(fd, real().send(fd, buffer, size, flags | MSG_NOSIGNAL), flags);
  }
  const Carrier carrier = sender(fd);
  const bool is_ours = carrier.carries != Carries::Plain || carrier.name != SocketName{};
  if (!is_ours) return real().sendto(fd, buffer, size, flags, address, length);
  return send_from(fd, carrier, buffer, size, flags, address, length);
}

extern "C" ZTSHIM_HOOK ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  using namespace ztshim;
  if (netlink::has_sockets.load(std::memory_order_relaxed) && !is_bad_pointer(message)) {
    netlink::note_request(fd, *message);
  }
  if (is_bad_pointer(message) || (!hint::perhaps(fd) && !is_special(*message, flags))) {
    return explained(fd, real().sendmsg(fd, message, flags | MSG_NOSIGNAL), flags);
  }
  return send_on(fd, sender(fd), message, flags);
}

extern "C" ZTSHIM_HOOK int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  using namespace ztshim;
  const Carrier carrier = sender(fd);
  const bool is_ours = carrier.carries != Carries::Plain || carrier.name != SocketName{};
  if (!is_ours) return real().sendmmsg(fd, messages, count, flags);
  return send_many(fd, carrier, messages, count, flags);
}
