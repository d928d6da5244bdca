#include "service/host/udp_receiver.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

#include "common/real.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace ztshim::host {

UdpReceiver::UdpReceiver() : bytes_(new std::uint8_t[kBufferSize * kCount]) {}

void UdpReceiver::prepare() {
  for (std::size_t i = 0; i < kCount; ++i) {
    iovecs_[i] = {bytes_.get() + i * kBufferSize, kBufferSize};
    msghdr& header = messages_[i].msg_hdr;
    header = {};
    header.msg_name = &names_[i];
    header.msg_namelen = sizeof names_[i];
    header.msg_iov = &iovecs_[i];
    header.msg_iovlen = 1;
    header.msg_control = &controls_[i];
    header.msg_controllen = sizeof controls_[i];
  }
}

std::size_t UdpReceiver::segment_size(const msghdr& header, std::size_t whole) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr;
       c = CMSG_NXTHDR(const_cast<msghdr*>(&header), c)) {
    if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(c), sizeof size);
    if (size > 0) return static_cast<std::size_t>(size);
  }
  return whole;
}

bool UdpReceiver::receive(int fd, const OnDatagram& on_datagram) {
  prepare();
  const int count = real().recvmmsg(fd, messages_.data(), kCount, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    const msghdr& header = messages_[index].msg_hdr;
    const std::size_t whole = messages_[index].msg_len;
    const auto remote = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&names_[index]),
                                                header.msg_namelen);
    if (!remote || (header.msg_flags & MSG_TRUNC) != 0) continue;
    const std::size_t segment = std::max<std::size_t>(segment_size(header, whole), 1);
    std::uint8_t* const at = bytes_.get() + index * kBufferSize;
    for (std::size_t offset = 0; offset < whole; offset += segment) {
      on_datagram(*remote, {at + offset, std::min(segment, whole - offset)});
    }
  }
  return count == static_cast<int>(kCount);
}

}  // namespace ztshim::host
