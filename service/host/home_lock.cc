#include "service/host/home_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include "common/internal_fds.h"

namespace ztshim::host {

Result<std::optional<HomeLock>, std::string> HomeLock::acquire(const HomeFiles& files) {
  constexpr const char* kName = "service.lock";
  UniqueFd fd(keep_internal_fd(
      openat(files.descriptor(), kName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kSecretFile)));
  if (!fd) {
    return failure(fmt::format("cannot open {}: {}", files.path_of(kName), std::strerror(errno)));
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional(HomeLock(std::move(fd)));
  if (errno == EWOULDBLOCK) return std::optional<HomeLock>();
  return failure(fmt::format("cannot lock {}: {}", files.path_of(kName), std::strerror(errno)));
}

}  // namespace ztshim::host
