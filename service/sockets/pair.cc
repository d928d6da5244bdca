#include "service/sockets/pair.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"
#include "service/sockets/constants.h"

namespace ztshim::sockets {

namespace {

// Of the service's thread; all pairs of a machine get the same.
bool buffers_are_safe = true;

void widen(int application_end) {
  const int wanted = kLeastSendBuffer;
  int got = 0;
  socklen_t size = sizeof got;
  real().setsockopt(application_end, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
  real().getsockopt(application_end, SOL_SOCKET, SO_SNDBUF, &got, &size);
  if (got < kSafeSendBuffer && buffers_are_safe) {
    log(LogArea::Sockets, LogLevel::Warn,
        "net.core.wmem_max is too small ({} bytes granted): resets may look like ends", got);
  }
  buffers_are_safe = got >= kSafeSendBuffer;
}

}  // namespace

bool may_keep_newest_byte() { return buffers_are_safe; }

Result<Pair> make_pair(const SocketName& name, int type) {
  int ends[2] = {-1, -1};
  if (real().socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
    const bool is_limit = errno == EMFILE || errno == ENFILE;
    return failure(is_limit ? static_cast<std::errc>(errno) : std::errc::no_buffer_space);
  }
  // Both: ours of the application's end is closed only after the application has received its own,
  // and socket(2) owes it the lowest number that is free.
  Pair pair{UniqueFd(keep_internal_fd(ends[0])), UniqueFd(keep_internal_fd(ends[1]))};
  sockaddr_un address;
  const socklen_t length = name.to_sockaddr(address);
  if (real().bind(pair.application_end.get(), reinterpret_cast<const sockaddr*>(&address),
                  length) != 0) {
    return failure(std::errc::no_buffer_space);
  }
  widen(pair.application_end.get());
  // Urgent bytes travel in their place (interposition.md 14). Out of it they would be lost, and
  // still be counted as unread.
  const int on = 1;
  real().setsockopt(pair.service_end.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  return pair;
}

std::size_t unread_bytes(int fd) {
  int count = 0;
  return real().ioctl(fd, FIONREAD, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t unread_by_peer(int fd) {
  int count = 0;
  return real().ioctl(fd, SIOCOUTQ, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t read_some(int fd, MutableBytes to) {
  for (;;) {
    const ssize_t n = real().recv(fd, to.data(), to.size(), MSG_DONTWAIT);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return 0;
  }
}

bool peek_one(int fd, std::uint8_t& byte) {
  for (;;) {
    const ssize_t n = real().recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n >= 0 || errno != EINTR) return n == 1;
  }
}

void skip_bytes(int fd, std::size_t count, MutableBytes scratch) {
  while (count > 0) {
    const std::size_t n = read_some(fd, scratch.first(std::min(count, scratch.size())));
    if (n == 0) return;
    count -= n;
  }
}

ssize_t write_some(int fd, std::span<const iovec> from) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(from.data());  // sendmsg only reads it
  message.msg_iovlen = from.size();
  for (;;) {
    const ssize_t n = real().sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0 || errno != EINTR) return n;
  }
}

ssize_t write_with_fd(int fd, ByteView bytes, int attached) {
  iovec vector{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &attached, sizeof attached);
  for (;;) {
    const ssize_t n = real().sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0 || errno != EINTR) return n;
  }
}

}  // namespace ztshim::sockets
