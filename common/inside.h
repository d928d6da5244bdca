// Marks "this call comes from us" for the current thread: hooks entered under the mark pass
// straight through. Our own code calls real() and needs no mark; libraries we call do not know
// real(). Shared with the service, one of whose threads runs libraries that call sockets by name.
#pragma once

namespace ztshim {

class Inside {
 public:
  Inside() noexcept { ++depth_; }
  ~Inside() { --depth_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  static bool active() noexcept { return depth_ > 0; }

 private:
  // Initial-exec: reaching it must not allocate, we may be inside malloc.
  __attribute__((tls_model("initial-exec"))) static inline constinit thread_local int depth_ = 0;
};

}  // namespace ztshim
