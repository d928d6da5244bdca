// Time as it is handed to code that must not read a clock itself.
#pragma once

#include <chrono>
#include <cstdint>

namespace ztshim {

using Duration = std::chrono::milliseconds;

// Only a tag: nothing in the core can ask it for the time.
struct MonotonicTag {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
};
using Time = std::chrono::time_point<MonotonicTag, Duration>;

// Far enough away that differences with any real time stay within range.
inline constexpr Time kNever{Duration{std::int64_t{1} << 60}};
inline constexpr Time kLongAgo{Duration{-(std::int64_t{1} << 60)}};

// The present. Timers use `time` only; `wall_ms` (milliseconds since 1970, UTC) is for the fields
// that the protocol defines as wall time.
struct Now {
  Time time;
  std::int64_t wall_ms = 0;
};

}  // namespace ztshim
