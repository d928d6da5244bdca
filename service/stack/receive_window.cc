#include "service/stack/receive_window.h"

#include <algorithm>

namespace ztshim::stack {

void ReceiveWindow::open(Time now, Duration round_trip, std::size_t limit, std::size_t start) {
  limit_ = limit;
  round_trip_ = std::max(round_trip, Duration{0});
  // A start window per millisecond of round trip is 2 Gbit/s. On shorter paths than that the start
  // window is enough, and a larger one would only overflow the UDP socket's buffer.
  const auto milliseconds =
      static_cast<std::size_t>(std::min<Duration::rep>(round_trip_.count(), 1000));
  most_ = std::min({kMost, kStart * (1 + milliseconds), limit});
  size_ = std::min(start, limit);
  interval_start_ = now;
  taken_in_interval_ = 0;
}

std::size_t ReceiveWindow::widen() {
  const std::size_t ordinary = std::min(kStart, limit_);
  const std::size_t more = ordinary - std::min(size_, ordinary);
  size_ += more;
  return more;
}

std::size_t ReceiveWindow::on_taken(Time now, std::size_t bytes) {
  taken_in_interval_ += bytes;
  if (now - interval_start_ < std::max(round_trip_, Duration{1})) return 0;
  // Half a window within a round trip: the window is what limits the peer, or soon will.
  const bool is_limiting =
      taken_in_interval_ * 2 >= size_ && now - interval_start_ <= round_trip_ * 2;
  interval_start_ = now;
  taken_in_interval_ = 0;
  if (!is_limiting || size_ >= most_) return 0;
  const std::size_t grown = std::min(size_ * 2, most_);
  const std::size_t more = grown - size_;
  size_ = grown;
  return more;
}

}  // namespace ztshim::stack
