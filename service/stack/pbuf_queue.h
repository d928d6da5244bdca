// Received bytes that wait for the application: lwIP's buffers in order, handed out without
// copying.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

struct pbuf;

namespace ztshim::stack {

class PbufQueue {
 public:
  PbufQueue() = default;
  ~PbufQueue() { clear(); }
  PbufQueue(const PbufQueue&) = delete;
  PbufQueue& operator=(const PbufQueue&) = delete;

  // Takes over a chain (and the reference to it).
  void append(pbuf* chain);
  // Describes the first bytes; how many entries of `to` were filled.
  std::size_t peek(std::span<iovec> to) const;
  void consume(std::size_t bytes);
  void clear();

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::vector<pbuf*> buffers_;  // those before first_ are gone
  std::size_t first_ = 0;
  std::size_t offset_ = 0;  // already consumed of the first one
  std::size_t size_ = 0;
};

}  // namespace ztshim::stack
