// Walks over the open descriptors of this process. No allocation.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <cctype>

#include "common/raw_syscall.h"
#include "common/real.h"
#include "common/unique_fd.h"

namespace ztshim {

// Calls `visit` with each of them; false where /proc cannot tell.
template <typename Visit>
bool for_each_open_fd(Visit visit) noexcept {
  const UniqueFd directory(
      static_cast<int>(raw_syscall(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/fd"),
                                   O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!directory) return false;
  alignas(8) char buffer[4096];
  while (true) {
    const long size =
        raw_syscall(SYS_getdents64, directory.get(), reinterpret_cast<long>(buffer), sizeof buffer);
    if (size <= 0) return size == 0;
    for (long at = 0; at < size;) {
      // struct linux_dirent64: inode and offset (8 each), size (2), type (1), name.
      constexpr long kSizeAt = 16;
      constexpr long kNameAt = 19;
      const char* const name = buffer + at + kNameAt;
      at += *reinterpret_cast<const unsigned short*>(buffer + at + kSizeAt);
      if (std::isdigit(static_cast<unsigned char>(*name)) == 0) continue;
      const int fd = static_cast<int>(std::strtol(name, nullptr, 10));
      if (fd != directory.get()) visit(fd);
    }
  }
}

}  // namespace ztshim
