// The capability of this process (common/rpc_capability.h): where it is, and how it gets into the
// programs that the process turns into. No locks: usable in signal handlers and vfork children.
#pragma once

#include "common/rpc_capability.h"

namespace ztshim::capability {

// From the environment, at start: takes what an exec has brought.
void inherit() noexcept;

// Its number, -1 if this process has none. Looks whether the number still means it: close_range and
// raw system calls close without asking.
int current() noexcept;
void keep(UniqueFd fd) noexcept;
// Its service has ended.
void drop() noexcept;

// The application wants its number: it moves. False: it is somewhere else.
bool vacate(int fd) noexcept;

// While one of these lives, exec leaves the capability open. Other threads may be in the middle of
// an exec, too: the last one of them puts close-on-exec back.
class PassOn {
 public:
  PassOn() noexcept;
  ~PassOn();
  PassOn(const PassOn&) = delete;
  PassOn& operator=(const PassOn&) = delete;
  // -1: nothing is passed on.
  int fd() const { return fd_; }

 private:
  int fd_;
  bool is_counted_;
};

}  // namespace ztshim::capability
