// Is it worth asking the kernel whether reading or writing this descriptor means messages of ours
// (a datagram socket, a listener) and not bytes, or nothing yet (a stream before its connection)?
// Streams and files must cost their owners one load from memory, so there is a bit for each number
// that may be such a socket.
//
// A bit that is set means "perhaps": numbers are closed and reused on ways no hook sees, and the
// kernel's answer decides. A bit that is clear means that no such socket has come into this process
// under that number by any way that a hook sees: socket, listen, the dup family, SCM_RIGHTS,
// pidfd_getfd, inheritance at exec.
#pragma once

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>

namespace ztshim::hint {

// Numbers above this are always "perhaps"; no real limit is as high.
inline constexpr unsigned kTracked = 1U << 20;
inline constinit std::array<std::atomic<std::uint64_t>, kTracked / 64> words{};

inline bool perhaps(int fd) noexcept {
  const auto number = static_cast<unsigned>(fd);
  if (number >= kTracked) return fd >= 0;
  const std::uint64_t word = words[number / 64].load(std::memory_order_relaxed);
  return (word >> (number % 64) & 1) != 0;
}

// `fd` is, or is about to become, such a socket.
void note(int fd) noexcept;
// If the kernel says so.
void note_if_virtual(int fd) noexcept;
// `to` will be or is the same file as `from`. Does nothing where `to` is -1 (the call failed).
void copy(int from, int to) noexcept;
// Those that a received message brought (SCM_RIGHTS).
void note_received(const msghdr& message) noexcept;
// Before the real close. Leaves the bits of a process alone whose memory we only share (vfork).
void forget(int fd) noexcept;
// All that an exec has brought.
void note_inherited() noexcept;

}  // namespace ztshim::hint
