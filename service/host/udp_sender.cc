#include "service/host/udp_sender.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/log.h"
#include "common/real.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace ztshim::host {
namespace {

// A full buffer empties at the speed of the wire: a millisecond or two is either enough, or the
// network is the bottleneck and TCP has to hear of it by losses.
constexpr int kSendWaitMs = 2;

bool is_full(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS; }

}  // namespace

void UdpSender::fill_control(msghdr& header, Control& control, int family, std::uint8_t ttl,
                             std::uint16_t segment) {
  std::size_t used = 0;
  const auto attach = [&](int level, int type, const auto& value) {
    cmsghdr head{};
    head.cmsg_level = level;
    head.cmsg_type = type;
    head.cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(control.bytes + used, &head, sizeof head);
    std::memcpy(control.bytes + used + CMSG_LEN(0), &value, sizeof value);
    used += CMSG_SPACE(sizeof value);
  };
  if (ttl != 0) {
    const bool v6 = family == AF_INET6;
    attach(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_HOPLIMIT : IP_TTL, static_cast<int>(ttl));
  }
  if (segment != 0) attach(IPPROTO_UDP, UDP_SEGMENT, segment);
  header.msg_control = used == 0 ? nullptr : control.bytes;
  header.msg_controllen = used;
}

void UdpSender::add(Target& target, const Endpoint& remote, std::uint8_t ttl, ByteView bytes,
                    std::uint32_t segment, std::size_t count) {
  if (queued_ == kCapacity) flush(target);
  Message& message = messages_[queued_];
  message.iov = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  message.segment = segment;
  message.count = count;
  message.ttl = ttl;
  msghdr& header = headers_[queued_].msg_hdr;
  header = {};
  header.msg_name = &message.name;
  header.msg_namelen = remote.to_sockaddr(message.name, target.family);
  header.msg_iov = &message.iov;
  header.msg_iovlen = 1;
  fill_control(header, message.control, target.family, ttl,
               static_cast<std::uint16_t>(count > 1 ? segment : 0));
  ++queued_;
}

void UdpSender::flush(Target& target) {
  std::size_t done = 0;
  while (done < queued_) {
    ++counters_.calls;
    const int sent = real().sendmmsg(target.fd, &headers_[done],
                                     static_cast<unsigned>(queued_ - done), MSG_DONTWAIT);
    if (sent > 0) {
      for (int i = 0; i < sent; ++i) counters_.datagrams += messages_[done++].count;
      continue;
    }
    const int error = errno;
    if (error == EINTR) continue;
    if (is_full(error)) {
      if (wait_writable(target)) continue;
      for (; done < queued_; ++done) counters_.dropped_full += messages_[done].count;
      break;
    }
    if (messages_[done].count > 1) {
      // EIO: the device cannot compute the checksums; EINVAL: a segment exceeds the path's MTU, or
      // a kernel without segmentation. Anything else is tried piecewise too, but is no lasting
      // verdict.
      if (target.segmentation && (error == EIO || error == EINVAL)) {
        target.segmentation = false;
        log(LogArea::Host, LogLevel::Info, "segmented sends are off: {}", std::strerror(error));
      }
      send_pieces(target, done);
    } else {
      counters_.dropped_error += 1;
      log(LogArea::Host, LogLevel::Debug, "datagram not sent: {}", std::strerror(error));
    }
    ++done;
  }
  queued_ = 0;
}

void UdpSender::send_pieces(Target& target, std::size_t index) {
  const Message& whole = messages_[index];
  msghdr header = headers_[index].msg_hdr;
  Control control;
  fill_control(header, control, target.family, whole.ttl, 0);
  auto* const bytes = static_cast<std::uint8_t*>(whole.iov.iov_base);
  for (std::size_t offset = 0; offset < whole.iov.iov_len;) {
    iovec piece{bytes + offset, std::min<std::size_t>(whole.segment, whole.iov.iov_len - offset)};
    header.msg_iov = &piece;
    ++counters_.calls;
    const ssize_t sent = real().sendmsg(target.fd, &header, MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || (is_full(errno) && wait_writable(target)))) continue;
    if (sent >= 0) {
      ++counters_.datagrams;
    } else if (is_full(errno)) {
      ++counters_.dropped_full;
    } else {
      ++counters_.dropped_error;
    }
    offset += piece.iov_len;
  }
}

bool UdpSender::wait_writable(const Target& target) {
  if (!may_wait_) return false;
  may_wait_ = false;
  pollfd waiting{target.fd, POLLOUT, 0};
  const bool writable = real().poll(&waiting, 1, kSendWaitMs) > 0;
  errno = EAGAIN;
  return writable;
}

}  // namespace ztshim::host
