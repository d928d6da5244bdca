#include "shim/pending_error.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "common/real.h"
#include "shim/answer.h"
#include "shim/client.h"

namespace ztshim::pending_error {
namespace {

// Sockets with an error left for the next call: two at the same instant are rare already. When the
// table is full the error is not told by a call, as if nobody had called.
constexpr std::size_t kLeft = 16;
constinit std::array<std::atomic<std::uint64_t>, kLeft> left{};
constinit std::atomic<int> left_count{0};

std::uint64_t key_of(const SocketName& name) noexcept {
  return static_cast<std::uint64_t>(name.socket) | std::uint64_t{1} << 63;
}

bool begins_with_error(int fd, const SocketName& name) noexcept {
  std::array<std::uint8_t, DatagramHeader::kSize> bytes;
  const ssize_t size = real().recv(fd, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (size <= 0) return false;
  const auto header =
      DatagramHeader::read(ByteView(bytes).first(static_cast<std::size_t>(size)), name);
  return header && header->kind == DatagramHeader::Kind::Error;
}

}  // namespace

std::errc take(const SocketName& name, std::errc told) noexcept {
  const auto answer = client::ask({name, rpc::TakeError{}});
  if (!answer || answer->reply.kind != rpc::Reply::Kind::Done) return told;
  return static_cast<std::errc>(answer->reply.number);
}

void leave_for_next(const SocketName& name) noexcept {
  const std::uint64_t key = key_of(name);
  for (auto& entry : left) {
    std::uint64_t empty = 0;
    if (entry.compare_exchange_strong(empty, key)) {
      left_count.fetch_add(1);
      return;
    }
    if (empty == key) return;
  }
}

std::errc take_left(const SocketName& name) noexcept {
  if (left_count.load(std::memory_order_relaxed) == 0) return {};
  for (auto& entry : left) {
    std::uint64_t key = key_of(name);
    if (!entry.compare_exchange_strong(key, 0)) continue;
    left_count.fetch_sub(1);
    return take(name, {});
  }
  return {};
}

std::errc take_queued(int fd, const SocketName& name) noexcept {
  const KeepErrno keep;
  // A message that nobody has fetched the error of may be followed by others.
  while (begins_with_error(fd, name)) {
    std::array<std::uint8_t, DatagramHeader::kSize> bytes;
    // Another reader that is quicker has had the message; what it got instead is lost, as
    // datagrams may be. The queue of a socket with an error seldom has two readers.
    const ssize_t size = real().recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    const auto header = DatagramHeader::read(
        ByteView(bytes).first(static_cast<std::size_t>(std::max<ssize_t>(size, 0))), name);
    if (!header || header->kind != DatagramHeader::Kind::Error) return {};
    const std::errc error = take(name, header->error);
    if (error != std::errc{}) return error;
  }
  return {};
}

}  // namespace ztshim::pending_error
