// Datagrams out of one UDP socket in few system calls: a queue of segmented sends, flushed by
// sendmmsg. What to do when the kernel refuses is decided here; see udp_ports.h.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "common/bytes.h"
#include "common/endpoint.h"

namespace ztshim::host {

class UdpSender {
 public:
  // The socket that the queued messages are for.
  struct Target {
    int fd = -1;
    int family = AF_INET;
    bool segmentation = false;  // cleared when the kernel turns out not to take segmented sends
  };
  struct Counters {
    std::uint64_t datagrams = 0, calls = 0;
    std::uint64_t dropped_full = 0;   // the send buffer stayed full
    std::uint64_t dropped_error = 0;  // unreachable and the like
  };

  // Queues `count` datagrams to `remote` that lie one after the other in `bytes`, all of `segment`
  // bytes but for a shorter last one; several only when target.segmentation. `bytes` stays as it is
  // until flush(). `ttl` 0: the socket's own.
  void add(Target& target, const Endpoint& remote, std::uint8_t ttl, ByteView bytes,
           std::uint32_t segment, std::size_t count);
  // Sends what is queued, which is all for `target`.
  void flush(Target& target);
  // A new round: a full buffer may be waited for once more.
  void begin_round() { may_wait_ = true; }
  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::size_t kCapacity = 64;
  struct alignas(cmsghdr) Control {
    std::uint8_t bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(std::uint16_t))];
  };
  struct Message {
    sockaddr_storage name;
    iovec iov;
    Control control;
    std::uint32_t segment;
    std::size_t count;
    std::uint8_t ttl;
  };

  static void fill_control(msghdr& header, Control& control, int family, std::uint8_t ttl,
                           std::uint16_t segment);
  void send_pieces(Target& target, std::size_t index);
  bool wait_writable(const Target& target);

  std::size_t queued_ = 0;
  std::array<mmsghdr, kCapacity> headers_{};
  std::array<Message, kCapacity> messages_{};
  bool may_wait_ = true;
  Counters counters_;
};

}  // namespace ztshim::host
