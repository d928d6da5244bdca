#include "shim/virtual_fd.h"

#include "common/internal_fds.h"
#include "common/real.h"
#include "shim/answer.h"

namespace ztshim {

std::optional<SocketName> virtual_socket(int fd) noexcept {
  if (fd < 0) return std::nullopt;
  const KeepErrno keep;
  sockaddr_un address{};
  socklen_t length = sizeof address;
  if (real().getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return std::nullopt;
  }
  const auto name = SocketName::from_sockaddr(address, length);
  // The service in this very process holds such ends for a moment; they are not the application's.
  if (name && is_internal_fd(fd)) return std::nullopt;
  return name;
}

}  // namespace ztshim
