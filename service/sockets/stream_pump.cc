#include "service/sockets/stream_pump.h"

#include <algorithm>

#include "service/sockets/constants.h"
#include "service/sockets/pair.h"

namespace ztshim::sockets {

bool StreamPump::flush(stack::Pcb& pcb) {
  if (refused_.empty()) return true;
  const std::size_t n = pcb.write(refused_);
  refused_.erase(refused_.begin(), refused_.begin() + static_cast<std::ptrdiff_t>(n));
  return refused_.empty();
}

void StreamPump::hand(ByteView bytes, stack::Pcb& pcb) {
  has_seen_data_ = true;
  const std::size_t n = pcb.write(bytes);
  append(refused_, bytes.subspan(n));
}

StreamPump::Result StreamPump::pull(int fd, stack::Pcb& pcb, MutableBytes scratch,
                                    bool hold_partial) {
  if (!flush(pcb)) return Result::NoSpace;
  for (;;) {
    std::size_t queued = unread_bytes(fd);
    if (skip_ > 1 && queued > 1) {  // of a gate, all but its last byte can go
      const std::size_t gone = std::min(skip_, queued) - 1;
      skip_bytes(fd, gone, scratch);
      skip_ -= gone;
      queued -= gone;
    }
    if (queued <= skip_) return Result::Empty;
    const std::size_t fresh = queued - skip_;

    const std::size_t space = pcb.send_space();
    if (space < std::min(fresh, kLowWater)) return Result::NoSpace;
    std::size_t n = std::min({fresh, space, scratch.size() - 1});
    const std::size_t segment = pcb.mss();
    // Whole segments, but for the last one of what there is.
    if (n > segment && (n < fresh || hold_partial)) n = n / segment * segment;
    if (hold_partial && n < segment) return Result::Held;

    const bool keeps_newest = n == fresh && may_keep_newest_byte();
    const std::size_t take = skip_ + n - (keeps_newest ? 1 : 0);
    const std::size_t got = take == 0 ? 0 : read_some(fd, scratch.first(take));
    const std::size_t skipped = std::min(skip_, got);
    if (keeps_newest && got == take && peek_one(fd, scratch[got])) {
      skip_ = 1;
      hand(scratch.subspan(skipped, got + 1 - skipped), pcb);
      // Anything newer makes an event of its own.
      return refused_.empty() ? Result::Empty : Result::NoSpace;
    }
    if (got == 0) return Result::Empty;  // the kernel counts a byte that it does not give
    skip_ = 0;                           // something follows what we took
    hand(scratch.subspan(skipped, got - skipped), pcb);
    if (!refused_.empty()) return Result::NoSpace;
  }
}

std::size_t StreamPump::waiting_bytes(int fd) const {
  const std::size_t queued = unread_bytes(fd);
  return refused_.size() + (queued > skip_ ? queued - skip_ : 0);
}

bool StreamPump::has_gate(int fd) const { return unread_bytes(fd) >= skip_; }

void StreamPump::empty(int fd, MutableBytes scratch) {
  while (read_some(fd, scratch) > 0) {
  }
  skip_ = 0;
}

}  // namespace ztshim::sockets
