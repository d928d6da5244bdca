#include "shim/hint.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "common/datagram.h"
#include "common/fd_contract.h"
#include "shim/answer.h"
#include "shim/open_fds.h"
#include "shim/process_identity.h"
#include "shim/virtual_fd.h"

namespace ztshim::hint {
namespace {

bool is_tracked(int fd) noexcept { return static_cast<unsigned>(fd) < kTracked; }
std::atomic<std::uint64_t>& word_of(int fd) noexcept {
  return words[static_cast<unsigned>(fd) / 64];
}
std::uint64_t bit_of(int fd) noexcept {
  return std::uint64_t{1} << (static_cast<unsigned>(fd) % 64);
}

}  // namespace

void note(int fd) noexcept {
  if (is_tracked(fd)) word_of(fd).fetch_or(bit_of(fd), std::memory_order_relaxed);
}

void note_if_virtual(int fd) noexcept {
  if (virtual_socket(fd) && (is_datagram_pair(fd) || is_listener(fd) || is_fresh(fd))) note(fd);
}

void copy(int from, int to) noexcept {
  if (to >= 0 && perhaps(from)) note(to);
}

void note_received(const msghdr& message) noexcept {
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(const_cast<msghdr*>(&message), item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= item->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, reinterpret_cast<const char*>(item) + at, sizeof fd);
      note_if_virtual(fd);
    }
  }
}

void forget(int fd) noexcept {
  if (!perhaps(fd) || !is_tracked(fd)) return;
  if (process_kind() != ProcessKind::Own) return;
  word_of(fd).fetch_and(~bit_of(fd), std::memory_order_relaxed);
}

void note_inherited() noexcept {
  const KeepErrno keep;
  // Where /proc is not mounted: the numbers that programs pass on to each other.
  constexpr int kLikely = 256;
  if (for_each_open_fd([](int fd) { note_if_virtual(fd); })) return;
  for (int fd = 0; fd < kLikely; ++fd) note_if_virtual(fd);
}

}  // namespace ztshim::hint
