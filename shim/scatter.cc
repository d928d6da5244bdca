#include "shim/scatter.h"

#include <limits.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "shim/user_memory.h"

namespace ztshim {
namespace {

std::uint8_t* begin_of(const iovec& part) noexcept {
  return static_cast<std::uint8_t*>(part.iov_base);
}

std::size_t size_of(Parts parts) noexcept {
  std::size_t size = 0;
  for (const iovec& part : parts) size += part.iov_len;
  return size;
}

// Walks backwards from a position: how many bytes lie contiguously before it, and where they end.
class Backwards {
 public:
  Backwards(Parts parts, std::size_t position) noexcept : parts_(parts) {
    while (part_ < parts_.size() && position > parts_[part_].iov_len) {
      position -= parts_[part_++].iov_len;
    }
    offset_ = position;
    skip_empty();
  }
  std::size_t contiguous() const noexcept { return offset_; }
  std::uint8_t* end() const noexcept { return begin_of(parts_[part_]) + offset_; }
  void step(std::size_t size) noexcept {
    offset_ -= size;
    skip_empty();
  }

 private:
  void skip_empty() noexcept {
    while (offset_ == 0 && part_ > 0) offset_ = parts_[--part_].iov_len;
  }
  Parts parts_;
  std::size_t part_ = 0, offset_ = 0;
};

}  // namespace

Result<Scatter> scatter_of(const iovec* parts, std::size_t count) noexcept {
  if (count > IOV_MAX) return failure(std::errc::message_size);
  if (count > 0 && is_bad_pointer(parts)) return failure(std::errc::bad_address);
  Scatter all{Parts(parts, count), 0};
  for (const iovec& part : all.parts) {
    // The kernel takes no more than this at once either; the sum of all is cut to it.
    if (static_cast<ssize_t>(part.iov_len) < 0) return failure(std::errc::invalid_argument);
    if (part.iov_len > 0 && is_bad_pointer(part.iov_base)) return failure(std::errc::bad_address);
    all.size =
        std::min<std::size_t>(all.size + std::min<std::size_t>(part.iov_len, INT_MAX), INT_MAX);
  }
  return all;
}

void insert_in_front(Parts parts, std::size_t size, ByteView front) noexcept {
  const std::size_t room = size_of(parts);
  const std::size_t moved =
      room > front.size() ? std::min(size, room - front.size()) : std::size_t{0};
  Backwards from(parts, moved);
  Backwards to(parts, moved + front.size());
  for (std::size_t left = moved; left > 0;) {
    const std::size_t step = std::min({left, from.contiguous(), to.contiguous()});
    std::memmove(to.end() - step, from.end() - step, step);
    from.step(step);
    to.step(step);
    left -= step;
  }
  copy_to(parts, front);
}

std::size_t copy_to(Parts parts, ByteView bytes) noexcept {
  std::size_t done = 0;
  for (const iovec& part : parts) {
    const std::size_t step = std::min(part.iov_len, bytes.size() - done);
    if (step > 0) std::memcpy(part.iov_base, bytes.data() + done, step);
    done += step;
  }
  return done;
}

std::size_t copy_from(Parts parts, MutableBytes to) noexcept {
  std::size_t done = 0;
  for (const iovec& part : parts) {
    const std::size_t step = std::min(part.iov_len, to.size() - done);
    if (step > 0) std::memcpy(to.data() + done, part.iov_base, step);
    done += step;
  }
  return done;
}

}  // namespace ztshim
