// How large the window is that we announce for one connection. Starts low, because a window larger
// than the buffer of our UDP socket loses datagrams in bursts, and doubles while the application
// keeps up with a peer on a long path (docs/performance.md, "Window"). Never shrinks. Only
// arithmetic: no lwIP, no clock.
#pragma once

#include <cstddef>

#include "common/time.h"

namespace ztshim::stack {

class ReceiveWindow {
 public:
  static constexpr std::size_t kStart = std::size_t{256} * 1024;
  static constexpr std::size_t kMost = std::size_t{4} * 1024 * 1024;

  // `limit` is the most the application's SO_RCVBUF or the peer's missing window scaling allows.
  // `start` is lower for a connection that nobody has accepted yet.
  void open(Time now, Duration round_trip, std::size_t limit, std::size_t start = kStart);
  // The ordinary start from now on: by how much that is more.
  std::size_t widen();
  // The application took `bytes`: by how much the window grows beyond giving them back.
  std::size_t on_taken(Time now, std::size_t bytes);

  std::size_t size() const { return size_; }

 private:
  std::size_t size_ = 0;
  std::size_t limit_ = 0;
  std::size_t most_ = 0;
  Duration round_trip_{0};
  Time interval_start_ = kLongAgo;
  std::size_t taken_in_interval_ = 0;
};

}  // namespace ztshim::stack
