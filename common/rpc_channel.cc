#include "common/rpc_channel.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "common/real.h"

namespace ztshim::rpc {
namespace {

constexpr char kSocketFile[] = "/service.sock";

std::errc last_error() { return static_cast<std::errc>(errno); }

// Room for one descriptor, aligned as the kernel wants it.
union Control {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr align;
};

}  // namespace

Result<void> send_message(int connection, ByteView message, int descriptor) {
  iovec part{const_cast<std::uint8_t*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  Control control{};
  if (descriptor >= 0) {
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof control.bytes;
    cmsghdr* const item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(item), &descriptor, sizeof descriptor);
  }
  while (real().sendmsg(connection, &header, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return failure(last_error());
  }
  return {};
}

Result<ReceivedMessage> receive_message(int connection, MutableBytes buffer,
                                        Descriptors descriptors) {
  iovec part{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  Control control{};
  if (descriptors == Descriptors::Allow) {
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof control.bytes;
  }
  ssize_t size = 0;
  while ((size = real().recvmsg(connection, &header, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno != EINTR) return failure(last_error());
  }
  ReceivedMessage received;
  received.size = static_cast<std::size_t>(size);
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    if (item->cmsg_len != CMSG_LEN(sizeof(int))) continue;
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(item), sizeof descriptor);
    received.descriptor.reset(descriptor);
  }
  if ((header.msg_flags & MSG_TRUNC) != 0) return failure(std::errc::message_size);
  received.lost_descriptor = descriptors == Descriptors::Allow &&
                             (header.msg_flags & MSG_CTRUNC) != 0 && !received.descriptor;
  return received;
}

Result<ServiceAddress> ServiceAddress::in_home(const char* home) {
  ServiceAddress found;
  found.address.sun_family = AF_UNIX;
  char* const path = found.address.sun_path;
  const std::size_t room = sizeof found.address.sun_path;
  std::size_t size = std::strlen(home) + sizeof kSocketFile;
  if (size <= room) {
    std::memcpy(path, home, size - sizeof kSocketFile);
    std::memcpy(path + size - sizeof kSocketFile, kSocketFile, sizeof kSocketFile);
  } else {
    found.directory.reset(::open(home, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!found.directory) return failure(last_error());
    size = static_cast<std::size_t>(std::snprintf(path, room, "/proc/self/fd/%d%s",
                                                  found.directory.get(), kSocketFile)) +
           1;
  }
  found.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  return found;
}

Result<UniqueFd> connect_to_service(const char* home) {
  auto where = ServiceAddress::in_home(home);
  if (!where) return failure(where.error());
  UniqueFd connection(real().socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!connection) return failure(last_error());
  const auto* const address = reinterpret_cast<const sockaddr*>(&where->address);
  while (real().connect(connection.get(), address, where->length) < 0) {
    if (errno != EINTR) return failure(last_error());
  }
  return connection;
}

}  // namespace ztshim::rpc
