#include "shim/capability.h"

#include <fcntl.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "common/internal_fds.h"
#include "common/real.h"
#include "shim/answer.h"
#include "shim/known_fd.h"
#include "shim/process_identity.h"

namespace ztshim::capability {
namespace {

// Programs choose numbers below this by hand.
constexpr int kLowest = 64;

constinit std::atomic<std::uint64_t> held{0};
// How many threads of this process are in the middle of an exec.
constinit std::atomic<int> passing{0};

void set_close_on_exec(int fd, bool is_on) noexcept {
  const KeepErrno keep;
  real().fcntl(fd, F_SETFD, is_on ? static_cast<long>(FD_CLOEXEC) : 0L);
}

}  // namespace

void inherit() noexcept {
  const char* const text = std::getenv(rpc::kCapabilityVariable);
  if (text == nullptr || held.load() != 0) return;
  int fd = -1;
  const char* const end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, fd);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return;
  // What else might be there is none of our business.
  if (!rpc::CapabilityName::of(fd)) return;
  if (fd < kLowest) {
    keep(UniqueFd(keep_internal_fd(fd, FdUse::Program)));
    return;
  }
  set_close_on_exec(fd, true);
  adopt_internal_fd(fd, FdUse::Program);
  keep(UniqueFd(fd));
}

int current() noexcept {
  const std::uint64_t known = held.load(std::memory_order_acquire);
  const int fd = number_of(known);
  return fd >= 0 && known_fd(fd) == known ? fd : -1;
}

void keep(UniqueFd fd) noexcept {
  const std::uint64_t known = known_fd(fd.get());
  if (known == 0) return;
  const std::uint64_t before = held.exchange(known, std::memory_order_acq_rel);
  [[maybe_unused]] const int kept = fd.release();
  const int old = number_of(before);
  if (old >= 0 && old != kept && known_fd(old) == before) UniqueFd(old).reset();
}

void drop() noexcept {
  const std::uint64_t before = held.exchange(0, std::memory_order_acq_rel);
  const int fd = number_of(before);
  if (fd >= 0 && known_fd(fd) == before) UniqueFd(fd).reset();
}

bool vacate(int fd) noexcept {
  std::uint64_t known = held.load(std::memory_order_acquire);
  if (number_of(known) != fd) return false;
  if (known_fd(fd) != known) return true;  // it had been closed behind our back
  const int moved = move_internal_fd(fd);
  held.compare_exchange_strong(known, known_fd(moved), std::memory_order_acq_rel);
  return true;
}

// In a vfork child the table is a copy and the memory the parent's, so nothing is counted; and the
// child has one thread.
PassOn::PassOn() noexcept
    : fd_(current()), is_counted_(fd_ >= 0 && process_kind() == ProcessKind::Own) {
  if (fd_ < 0) return;
  if (is_counted_) passing.fetch_add(1);
  set_close_on_exec(fd_, false);
}

PassOn::~PassOn() {
  if (fd_ < 0 || (is_counted_ && passing.fetch_sub(1) != 1)) return;
  if (current() == fd_) set_close_on_exec(fd_, true);
}

}  // namespace ztshim::capability
