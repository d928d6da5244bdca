// A descriptor that closes itself.
#pragma once

#include <atomic>

namespace ztshim {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) { note(&fd_); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) { note(&fd_); }
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  // The same file has another number once the application has taken this one for itself
  // (common/internal_fds.h): whoever keeps what get() said for longer than a turn of the loop asks
  // again.
  int get() const { return fd_.load(std::memory_order_relaxed); }
  explicit operator bool() const { return get() >= 0; }
  [[nodiscard]] int release() {
    note(nullptr);
    return fd_.exchange(-1, std::memory_order_relaxed);
  }
  // Closes what is held (errno stays as it was) and takes over `fd`.
  void reset(int fd = -1) noexcept;

 private:
  void note(std::atomic<int>* holder) noexcept;

  std::atomic<int> fd_{-1};
};

}  // namespace ztshim
