// Bytes from an application's stream to lwIP, with back-pressure: what lwIP has no room for stays
// in the pair, where the kernel blocks the writer.
//
// How it works. The kernel shows an application ECONNRESET only when our end holds unread bytes at
// the moment we close it, and a reset can come at any time. So our end is never emptied
// (fd_contract.h, "newest-byte rule"): the read that would take the last byte leaves it in the
// queue, learns it by MSG_PEEK and passes it on; the next read skips it. `skip_` counts such bytes
// at the head of the queue that are no data: the gate of a connecting socket, the seed of an
// accepted one, or that one byte. One FIONREAD per read tells how much is there.
#pragma once

#include <cstddef>

#include "common/bytes.h"
#include "service/stack/pcb.h"

namespace ztshim::sockets {

class StreamPump {
 public:
  // The first `skip` bytes that come are no data.
  void start(std::size_t skip) { skip_ = skip; }

  enum class Result : std::uint8_t {
    Empty,    // everything the application wrote is with lwIP
    NoSpace,  // lwIP takes no more for now
    Held,     // corked: only a part of a segment is there
  };
  // Moves what can be moved; `hold_partial` keeps back what does not fill a segment.
  Result pull(int fd, stack::Pcb& pcb, MutableBytes scratch, bool hold_partial);
  // Data in the pair and here that lwIP has not taken.
  std::size_t waiting_bytes(int fd) const;
  // Has all of the gate or seed arrived?
  bool has_gate(int fd) const;
  // Before an orderly close: nothing unread, so that the application sees the end and no reset.
  void empty(int fd, MutableBytes scratch);
  // Did the application ever write anything?
  bool has_seen_data() const { return has_seen_data_; }

 private:
  bool flush(stack::Pcb& pcb);
  void hand(ByteView bytes, stack::Pcb& pcb);

  std::size_t skip_ = 0;
  Bytes refused_;  // read, but lwIP had no memory for it
  bool has_seen_data_ = false;
};

}  // namespace ztshim::sockets
