// One of lwIP's packet buffers, or a chain of them, as a value: bytes that several sockets share
// without copying.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <utility>

#include "common/bytes.h"

struct pbuf;

namespace ztshim::stack {

class PbufHandle {
 public:
  PbufHandle() = default;
  explicit PbufHandle(pbuf* taken) : chain_(taken) {}  // takes the reference over
  PbufHandle(const PbufHandle& other);
  PbufHandle(PbufHandle&& other) noexcept : chain_(std::exchange(other.chain_, nullptr)) {}
  PbufHandle& operator=(PbufHandle other) noexcept {
    std::swap(chain_, other.chain_);
    return *this;
  }
  ~PbufHandle();
  // Empty when there is no memory.
  static PbufHandle copy_of(ByteView bytes);

  explicit operator bool() const { return chain_ != nullptr; }
  std::size_t size() const;
  // Describes all bytes; how many entries of `to` were filled. 0 when they do not fit, or there are
  // none.
  std::size_t describe(std::span<iovec> to) const;
  // The first bytes, as many as `to` takes.
  void copy_to(MutableBytes to) const;
  pbuf* get() const { return chain_; }

 private:
  pbuf* chain_ = nullptr;
};

}  // namespace ztshim::stack
