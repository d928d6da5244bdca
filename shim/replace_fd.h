// Puts another file behind a descriptor that the application holds, so that it notices as little as
// possible: number, flags and epoll registrations stay.
#pragma once

#include "common/result.h"
#include "common/unique_fd.h"

namespace ztshim {

// `with` takes over from `fd`: O_NONBLOCK, O_ASYNC with owner and signal, FD_CLOEXEC, the options
// that live in the kernel object (timeouts, priority) and registrations are carried over. Other
// descriptors of the old file keep the old file. EBADF, EMFILE.
Result<void> replace_fd(int fd, UniqueFd with) noexcept;

}  // namespace ztshim
