// Arithmetic with the scattered buffers of readv, recvmsg and friends.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <optional>
#include <span>

#include "common/bytes.h"
#include "common/result.h"

namespace ztshim {

using Parts = std::span<const iovec>;

// The parts a system call was given and the bytes in them all together. EFAULT, EINVAL (too long in
// sum), EMSGSIZE (more than IOV_MAX parts).
struct Scatter {
  Parts parts;
  std::size_t size = 0;
};
Result<Scatter> scatter_of(const iovec* parts, std::size_t count) noexcept;

// Moves the first `size` bytes of the parts up by `front.size()` bytes and puts `front` before
// them; what does not fit any more is lost.
void insert_in_front(Parts parts, std::size_t size, ByteView front) noexcept;
// As many as fit. Returns how many.
std::size_t copy_to(Parts parts, ByteView bytes) noexcept;
std::size_t copy_from(Parts parts, MutableBytes to) noexcept;

}  // namespace ztshim
