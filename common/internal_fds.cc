#include "common/internal_fds.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "common/real.h"

namespace ztshim {
namespace {

// Above this number a descriptor of ours is simply not protected; no real limit is as high.
constexpr int kMaxTracked = 1 << 20;
// Room for this many descriptors of ours between the base and the soft limit.
constexpr int kHeadroom = 256;
constexpr int kLowestBase = 64;

constinit std::array<std::atomic<std::uint64_t>, kMaxTracked / 64> ours{};
// Highest number ever remembered, so that the fork handler need not walk the whole table.
constinit std::atomic<int> highest{-1};

bool in_range(int fd) { return fd >= 0 && fd < kMaxTracked; }
std::uint64_t bit(int fd) { return std::uint64_t{1} << (fd % 64); }
std::atomic<std::uint64_t>& word(int fd) { return ours[static_cast<std::size_t>(fd / 64)]; }

int preferred_base() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kLowestBase;
  const auto soft = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kMaxTracked));
  return std::max(kLowestBase, soft - std::min(kHeadroom, soft / 4));
}

}  // namespace

int keep_internal_fd(int fd) noexcept {
  if (fd < 0) return fd;
  const int saved = errno;
  int kept = fd;
  for (int base = preferred_base(); base >= kLowestBase; base /= 2) {
    const int moved = real().fcntl(fd, F_DUPFD_CLOEXEC, base);
    if (moved < 0) continue;
    real().close(fd);
    kept = moved;
    break;
  }
  if (in_range(kept)) {
    word(kept).fetch_or(bit(kept), std::memory_order_relaxed);
    int seen = highest.load(std::memory_order_relaxed);
    while (seen < kept && !highest.compare_exchange_weak(seen, kept, std::memory_order_relaxed)) {
    }
  }
  errno = saved;
  return kept;
}

bool is_internal_fd(int fd) noexcept {
  return in_range(fd) && (word(fd).load(std::memory_order_relaxed) & bit(fd)) != 0;
}

void forget_internal_fd(int fd) noexcept {
  if (in_range(fd)) word(fd).fetch_and(~bit(fd), std::memory_order_relaxed);
}

void close_internal_fds_after_fork() noexcept {
  const int last = highest.exchange(-1, std::memory_order_relaxed);
  for (int base = 0; base <= last; base += 64) {
    std::uint64_t bits = word(base).exchange(0, std::memory_order_relaxed);
    for (int fd = base; bits != 0; ++fd, bits >>= 1) {
      if ((bits & 1) != 0) real().close(fd);
    }
  }
}

}  // namespace ztshim
