// The border to the application: the one place where a Result becomes 0 or -1 and errno.
#pragma once

#include <cerrno>
#include <system_error>

#include "common/result.h"

namespace ztshim {

inline int fail(std::errc error) noexcept {
  errno = static_cast<int>(error);
  return -1;
}

// errno is output on failure only: everything done on the way to success leaves it alone.
class KeepErrno {
 public:
  KeepErrno() noexcept : saved_(errno) {}
  ~KeepErrno() { errno = saved_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int saved_;
};

inline std::errc last_error() noexcept { return static_cast<std::errc>(errno); }

}  // namespace ztshim
