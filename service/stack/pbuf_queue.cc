#include "service/stack/pbuf_queue.h"

#include <algorithm>

#include "lwip/pbuf.h"

namespace ztshim::stack {

void PbufQueue::append(pbuf* chain) {
  while (chain != nullptr) {
    pbuf* const rest = chain->next;
    // We own the chain, and the chain owns its links: cutting it leaves us one reference to each.
    chain->next = nullptr;
    chain->tot_len = chain->len;
    if (chain->len == 0) {
      pbuf_free(chain);
    } else {
      size_ += chain->len;
      buffers_.push_back(chain);
    }
    chain = rest;
  }
}

std::size_t PbufQueue::peek(std::span<iovec> to) const {
  const std::size_t count = std::min(to.size(), buffers_.size() - first_);
  for (std::size_t i = 0; i < count; ++i) {
    const pbuf* const p = buffers_[first_ + i];
    const std::size_t skip = i == 0 ? offset_ : 0;
    to[i] = {static_cast<std::byte*>(p->payload) + skip, p->len - skip};
  }
  return count;
}

void PbufQueue::consume(std::size_t bytes) {
  size_ -= bytes;
  while (bytes > 0) {
    pbuf* const p = buffers_[first_];
    const std::size_t left = p->len - offset_;
    if (bytes < left) {
      offset_ += bytes;
      break;
    }
    bytes -= left;
    offset_ = 0;
    pbuf_free(p);
    ++first_;
  }
  if (first_ == buffers_.size()) {
    buffers_.clear();
    first_ = 0;
  } else if (first_ >= 1024 && first_ * 2 >= buffers_.size()) {
    buffers_.erase(buffers_.begin(), buffers_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void PbufQueue::clear() {
  for (std::size_t i = first_; i < buffers_.size(); ++i) pbuf_free(buffers_[i]);
  buffers_.clear();
  first_ = offset_ = size_ = 0;
}

}  // namespace ztshim::stack
