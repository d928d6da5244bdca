#include "shim/gate.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "common/fd_contract.h"
#include "common/real.h"
#include "shim/answer.h"

namespace ztshim {
namespace {

// Zeroes to write from; the service never looks at them. One kernel send is what keeps the bytes
// together in few buffers, so they come from an array as long as an ordinary gate (a quarter of
// 208 KiB); longer gates repeat it.
constexpr std::size_t kBlock = 65'536;
constexpr int kIoVectors = 128;  // up to 8 MiB, the largest buffer the gate was verified with
alignas(4096) const std::array<std::uint8_t, kBlock> zeroes{};

void send_zeroes(int fd, std::size_t size) noexcept {
  std::array<iovec, kIoVectors> parts;
  msghdr message{};
  message.msg_iov = parts.data();
  while (size > 0 && message.msg_iovlen < kIoVectors) {
    const std::size_t length = std::min(size, kBlock);
    parts[message.msg_iovlen++] = {const_cast<std::uint8_t*>(zeroes.data()), length};
    size -= length;
  }
  real().sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

std::size_t gate_size_of(int fd) noexcept {
  const KeepErrno keep;
  int buffer = 0;
  socklen_t size = sizeof buffer;
  real().getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, &size);
  return gate_size(buffer);
}

void fill_gate(int fd, std::size_t size) noexcept {
  const KeepErrno keep;
  if (size <= kSeedSize) return;
  send_zeroes(fd, size - kSeedSize);
  // Alone, so that it has a small buffer of its own: it stays in the queue when the rest is
  // drained.
  send_zeroes(fd, kSeedSize);
}

}  // namespace ztshim
