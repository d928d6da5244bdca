// accept(2) and accept4(2). A listener's pair carries one message per connection, with the accepted
// descriptor attached; waiting for one is an ordinary receive on the application's own fd, so that
// O_NONBLOCK, SO_RCVTIMEO, signals and several waiting workers are the kernel's business.
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>

#include "common/datagram.h"
#include "common/fd_contract.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/no_cancel.h"
#include "shim/user_memory.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

// One message and its descriptor, laid out for recvmsg; no destructor, because the receive is the
// cancellation point.
struct Incoming {
  std::array<std::uint8_t, AcceptMessage::kSize> bytes;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec part;
  msghdr header;

  void prepare() noexcept {
    part = {bytes.data(), bytes.size()};
    header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
};

// Everything that can be said before a connection is taken. 0: go on.
std::errc check(int fd, const sockaddr* address, const socklen_t* length, int flags) noexcept {
  const KeepErrno keep;
  const NoCancel no_cancel;  // close(2) would be a point where a noexcept function is unwound
  if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) return std::errc::invalid_argument;
  if (is_datagram_pair(fd)) return std::errc::operation_not_supported;
  if (!is_listener(fd)) return std::errc::invalid_argument;
  if (address != nullptr) {
    const auto checked = check_address_out(address, length);
    if (!checked) return checked.error();
  }
  // The kernel takes the number first, too. Receiving without a free one would lose the connection.
  const int reserved = real().fcntl(fd, F_DUPFD_CLOEXEC, 0L);
  if (reserved < 0) return last_error();
  real().close(reserved);
  return {};
}

int take_descriptor(const msghdr& header) noexcept {
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
       item = CMSG_NXTHDR(const_cast<msghdr*>(&header), item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
    return fd;
  }
  return -1;
}

// Another thread took the number that was free a moment ago: the service offers the connection
// again.
int give_back(int listener, const AcceptMessage& message) noexcept {
  if (const auto name = virtual_socket(listener)) {
    client::ask({*name, rpc::ReturnConnection{message.connection}});
  }
  return fail(std::errc::too_many_files_open);
}

// From a received message to accept's answer.
int finish(int listener, ssize_t size, const Incoming& incoming, sockaddr* address,
           socklen_t* length, int flags) noexcept {
  const NoCancel no_cancel;
  // The end of the listener: shut down, or its service has ended.
  if (size == 0) return fail(std::errc::invalid_argument);
  const int fd = take_descriptor(incoming.header);
  const auto message =
      AcceptMessage::read(ByteView(incoming.bytes).first(static_cast<std::size_t>(size)));
  if (!message) {
    if (fd >= 0) real().close(fd);
    return fail(std::errc::connection_aborted);
  }
  if (fd < 0) return give_back(listener, *message);
  const KeepErrno keep;
  if ((flags & SOCK_NONBLOCK) != 0) {
    real().fcntl(fd, F_SETFL, static_cast<long>(real().fcntl(fd, F_GETFL) | O_NONBLOCK));
  }
  if (address != nullptr) {
    put_address(message->peer, message->peer.ip.is_v6() ? AF_INET6 : AF_INET, address, length);
  }
  return fd;
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  using namespace ztshim;
  if (Inside::active() || !virtual_socket(fd)) return real().accept4(fd, address, length, flags);
  const std::errc wrong = check(fd, address, length, flags);
  if (wrong != std::errc{}) return fail(wrong);
  Incoming incoming;
  incoming.prepare();
  const int receive_flags = (flags & SOCK_CLOEXEC) != 0 ? MSG_CMSG_CLOEXEC : 0;
  const ssize_t size = real().recvmsg(fd, &incoming.header, receive_flags);
  if (size < 0) {
    // The service ended with the listener's gate unread: as final as an end of file.
    return errno == ECONNRESET ? fail(std::errc::invalid_argument) : -1;
  }
  return finish(fd, size, incoming, address, length, flags);
}

extern "C" ZTSHIM_HOOK int accept(int fd, sockaddr* address, socklen_t* length) {
  using namespace ztshim;
  if (Inside::active() || !virtual_socket(fd)) return real().accept(fd, address, length);
  return accept4(fd, address, length, 0);
}
