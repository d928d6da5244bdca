#include "common/unique_fd.h"

#include <cerrno>

#include "common/internal_fds.h"
#include "common/real.h"

namespace ztshim {

void UniqueFd::reset(int fd) noexcept {
  if (fd_ >= 0) {
    const int saved = errno;
    forget_internal_fd(fd_);
    real().close(fd_);
    errno = saved;
  }
  fd_ = fd;
}

}  // namespace ztshim
