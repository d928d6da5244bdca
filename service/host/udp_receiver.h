// Datagrams into our memory in few system calls: recvmmsg into large buffers, each of which may
// hold a run of equal datagrams (UDP_GRO).
#pragma once

#include <sys/socket.h>

#include <array>
#include <functional>
#include <memory>

#include "common/bytes.h"
#include "common/endpoint.h"

namespace ztshim::host {

class UdpReceiver {
 public:
  using OnDatagram = std::function<void(const Endpoint& remote, MutableBytes datagram)>;

  UdpReceiver();
  // One call's worth of datagrams from `fd`. True when there may be more.
  bool receive(int fd, const OnDatagram& on_datagram);

 private:
  // What one coalesced run may take; also more than any single datagram.
  static constexpr std::size_t kBufferSize = 65536;
  // Half a megabyte in all, touched only as far as datagrams come.
  static constexpr std::size_t kCount = 8;
  struct alignas(cmsghdr) Control {
    std::uint8_t bytes[CMSG_SPACE(sizeof(int))];
  };

  void prepare();
  static std::size_t segment_size(const msghdr& header, std::size_t whole);

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::array<mmsghdr, kCount> messages_{};
  std::array<iovec, kCount> iovecs_{};
  std::array<sockaddr_storage, kCount> names_{};
  std::array<Control, kCount> controls_{};
};

}  // namespace ztshim::host
