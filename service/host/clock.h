// The real clocks. Everything below host/ gets its time handed in.
#pragma once

#include <ctime>

#include "common/time.h"

namespace ztshim::host {

// Goes on while the machine sleeps, unlike CLOCK_MONOTONIC: to peers we were silent all that time.
inline std::int64_t monotonic_us() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

inline Now read_clocks() {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  return {Time(Duration(monotonic_us() / 1000)),
          std::int64_t{wall.tv_sec} * 1000 + wall.tv_nsec / 1'000'000};
}

}  // namespace ztshim::host
