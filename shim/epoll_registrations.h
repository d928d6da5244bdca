// The epoll sets of this process that watch a descriptor, found through /proc: they are lost when
// another file takes the descriptor's number, and nobody tells the application.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>

namespace ztshim {

// A descriptor is in one set almost always, in two for main loop and worker. More are not carried
// over.
inline constexpr std::size_t kMaxRegistrations = 8;

struct EpollRegistrations {
  struct One {
    int set = -1;
    epoll_event event{};
  };
  std::array<One, kMaxRegistrations> found{};
  std::size_t count = 0;

  // Those of `fd` in every set whose descriptor this process holds. No allocation. Where /proc is
  // not mounted: none.
  static EpollRegistrations of(int fd) noexcept;
  void remove(int fd) const noexcept;
  // With the same events and data; a ready descriptor is reported anew, edge-triggered ones
  // included.
  void add(int fd) const noexcept;
};

}  // namespace ztshim
