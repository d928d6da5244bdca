#include "common/unique_fd.h"

#include <cerrno>

#include "common/internal_fds.h"
#include "common/real.h"

namespace ztshim {

void UniqueFd::note(std::atomic<int>* holder) noexcept {
  if (get() >= 0) note_holder(get(), holder);
}

void UniqueFd::reset(int fd) noexcept {
  if (get() >= 0) {
    const int saved = errno;
    note(nullptr);
    forget_internal_fd(get());
    real().close(get());
    errno = saved;
  }
  fd_.store(fd, std::memory_order_relaxed);
  note(&fd_);
}

}  // namespace ztshim
