#include "service/sockets/datagram_batch.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/datagram.h"
#include "common/real.h"

namespace ztshim::sockets {
namespace {

constexpr std::size_t kSlot = DatagramHeader::kSize + kMaxDatagram6;

}  // namespace

bool DatagramBatch::read(int fd) {
  if (memory_ == nullptr) memory_.reset(new std::uint8_t[kMost * kSlot]);
  std::array<mmsghdr, kMost> messages{};
  std::array<iovec, kMost> vectors;
  for (std::size_t i = 0; i < kMost; ++i) {
    vectors[i] = {memory_.get() + i * kSlot, kSlot};
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;  // no control data: descriptors sent along are dropped
  }
  int count = -1;
  do {
    count = real().recvmmsg(fd, messages.data(), kMost, MSG_DONTWAIT, nullptr);
  } while (count < 0 && errno == EINTR);
  size_ = count < 0 ? 0 : static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < size_; ++i) {
    const bool is_cut = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    sizes_[i] = is_cut ? 0 : messages[i].msg_len;
  }
  // The end of a closed pair reads like empty messages, as many as fit.
  return std::any_of(sizes_, sizes_ + size_, [](std::size_t size) { return size > 0; });
}

ByteView DatagramBatch::message(std::size_t index) const {
  return {memory_.get() + index * kSlot, sizes_[index]};
}

}  // namespace ztshim::sockets
