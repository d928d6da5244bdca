// A descriptor number together with what was behind it, in one word: 20 bits of number + 1, 44 bits
// of the socket's cookie. close_range and raw system calls close without asking, and the number may
// come back as somebody else's; the cookie shows whether it still means our socket.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "common/real.h"
#include "shim/answer.h"

namespace ztshim {

inline constexpr int kKnownFdBits = 20;

// 0: not an open socket, or its number is too high.
inline std::uint64_t known_fd(int fd) noexcept {
  const KeepErrno keep;
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (fd < 0 || fd >= (1 << kKnownFdBits) - 1) return 0;
  if (real().getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return 0;
  return cookie << kKnownFdBits | (static_cast<std::uint64_t>(fd) + 1);
}

// -1 for 0.
inline int number_of(std::uint64_t known) noexcept {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << kKnownFdBits) - 1;
  return static_cast<int>(known & kMask) - 1;
}

}  // namespace ztshim
