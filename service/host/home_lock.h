// One node per home: whoever hosts the service of a home holds its lock (architecture.md 5).
#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "common/unique_fd.h"
#include "service/host/home_files.h"

namespace ztshim::host {

class HomeLock {
 public:
  // Nothing: another process holds it. The lock ends with this object or the process; a forked
  // child that closes our descriptors (close_internal_fds_after_fork) does not keep it.
  static Result<std::optional<HomeLock>, std::string> acquire(const HomeFiles& files);

 private:
  explicit HomeLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace ztshim::host
