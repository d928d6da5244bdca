#include "common/internal_fds.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "common/raw_syscall.h"
#include "common/real.h"

namespace ztshim {
namespace {

// Our numbers stay below this even where the limit is higher: the kernel copies a process's table
// up to its highest number at every fork (a descriptor at a million makes that 8 MiB). A descriptor
// above it, which happens where all numbers below are taken, is simply not protected.
constexpr int kMaxTracked = 1 << 16;
// Room for this many descriptors of ours between the base and the soft limit.
constexpr int kHeadroom = 256;
// Under very low limits. Programs count on 0 to 2, choose the next few by hand, and are handed
// sockets from 3 on (LISTEN_FDS).
constexpr int kLowestBase = 10;
constexpr int kUsualBase = 64;

constexpr std::size_t kTracked = kMaxTracked;
constinit std::array<std::atomic<std::uint64_t>, kTracked / 64> ours{};
constinit std::array<std::atomic<std::atomic<int>*>, kTracked> holders{};
constinit std::array<std::atomic<FdUse>, kTracked> uses{};
// Highest number ever remembered, so that nobody need walk the whole table.
constinit std::atomic<int> highest{-1};

bool in_range(int fd) { return fd >= 0 && fd < kMaxTracked; }
std::uint64_t bit(int fd) { return std::uint64_t{1} << (fd % 64); }
std::atomic<std::uint64_t>& word(int fd) { return ours[static_cast<std::size_t>(fd / 64)]; }

FdUse use_of(int fd) { return uses[static_cast<std::size_t>(fd)].load(std::memory_order_relaxed); }

int preferred_base() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kUsualBase;
  const auto soft = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kMaxTracked));
  return std::max(kUsualBase, soft - std::min(kHeadroom, soft / 4));
}

// Another number for the same file, as high as there is one. -1: none.
int duplicate_high(int fd) {
  for (int base = preferred_base(); base > 0; base = base > kLowestBase ? base / 2 : 0) {
    const int moved = real().fcntl(fd, F_DUPFD_CLOEXEC, std::max(base, kLowestBase));
    if (moved >= 0) return moved;
  }
  return -1;
}

void close_range_of(int first, unsigned last) {
  if (static_cast<unsigned>(first) > last) return;
  if (raw_syscall(SYS_close_range, first, last) == 0) return;
  // Before Linux 5.9: one by one, as far as the limit says that there may be any.
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t end = std::min<rlim_t>({limit.rlim_max, kMaxTracked, rlim_t{last} + 1});
  for (long fd = first; fd < static_cast<long>(end); ++fd) raw_syscall(SYS_close, fd);
}

}  // namespace

int keep_internal_fd(int fd, FdUse use) noexcept {
  if (fd < 0) return fd;
  const int saved = errno;
  const int moved = duplicate_high(fd);
  if (moved >= 0) real().close(fd);
  const int kept = moved >= 0 ? moved : fd;
  adopt_internal_fd(kept, use);
  errno = saved;
  return kept;
}

void adopt_internal_fd(int fd, FdUse use) noexcept {
  if (!in_range(fd)) return;
  uses[static_cast<std::size_t>(fd)].store(use, std::memory_order_relaxed);
  holders[static_cast<std::size_t>(fd)].store(nullptr);
  word(fd).fetch_or(bit(fd), std::memory_order_relaxed);
  int seen = highest.load(std::memory_order_relaxed);
  while (seen < fd && !highest.compare_exchange_weak(seen, fd, std::memory_order_relaxed)) {
  }
}

bool is_internal_fd(int fd) noexcept {
  return in_range(fd) && (word(fd).load(std::memory_order_relaxed) & bit(fd)) != 0;
}

int next_internal_fd(int first) noexcept {
  const int last = highest.load(std::memory_order_relaxed);
  for (int fd = std::max(first, 0); fd <= last;) {
    const std::uint64_t rest = word(fd).load(std::memory_order_relaxed) >> (fd % 64);
    if (rest != 0) return fd + __builtin_ctzll(rest);
    fd = (fd / 64 + 1) * 64;
  }
  return -1;
}

void forget_internal_fd(int fd) noexcept {
  if (in_range(fd)) word(fd).fetch_and(~bit(fd), std::memory_order_relaxed);
}

void close_internal_fds_of(FdUse use) noexcept {
  for (int fd = next_internal_fd(0); fd >= 0; fd = next_internal_fd(fd + 1)) {
    if (use_of(fd) != use) continue;
    forget_internal_fd(fd);
    real().close(fd);
  }
}

void close_internal_fds_after_fork(int except) noexcept {
  for (int fd = next_internal_fd(0); fd >= 0; fd = next_internal_fd(fd + 1)) {
    if (use_of(fd) == FdUse::Log) continue;
    // The holders in this copy of the memory are the parent's.
    holders[static_cast<std::size_t>(fd)].store(nullptr);
    if (fd == except || use_of(fd) == FdUse::LifeLine) continue;
    forget_internal_fd(fd);
    real().close(fd);
  }
}

int move_internal_fd(int fd) noexcept {
  const int saved = errno;
  const int moved = duplicate_high(fd);
  errno = saved;
  if (moved < 0) return -1;
  adopt_internal_fd(moved, use_of(fd));
  forget_internal_fd(fd);
  return moved;
}

bool move_shared_fd(int fd) noexcept {
  if (!is_internal_fd(fd) || (use_of(fd) != FdUse::Log && use_of(fd) != FdUse::LifeLine))
    return false;
  std::atomic<int>* const holder = holder_of(fd);
  const int moved = move_internal_fd(fd);
  if (holder != nullptr && moved >= 0) {
    holder->store(moved);
    note_holder(moved, holder);
  }
  return true;
}

void note_holder(int fd, std::atomic<int>* holder) noexcept {
  if (is_internal_fd(fd)) holders[static_cast<std::size_t>(fd)].store(holder);
}

std::atomic<int>* holder_of(int fd) noexcept {
  return is_internal_fd(fd) ? holders[static_cast<std::size_t>(fd)].load() : nullptr;
}

void close_foreign_fds() noexcept {
  int first = 0;
  for (int fd = next_internal_fd(0); fd >= 0; fd = next_internal_fd(fd + 1)) {
    if (fd > first) close_range_of(first, static_cast<unsigned>(fd) - 1);
    first = fd + 1;
  }
  close_range_of(first, ~0U);
}

}  // namespace ztshim
