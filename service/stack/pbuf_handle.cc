#include "service/stack/pbuf_handle.h"

#include <cstring>

#include "lwip/pbuf.h"

namespace ztshim::stack {

PbufHandle::PbufHandle(const PbufHandle& other) : chain_(other.chain_) {
  if (chain_ != nullptr) pbuf_ref(chain_);
}

PbufHandle::~PbufHandle() {
  if (chain_ != nullptr) pbuf_free(chain_);
}

PbufHandle PbufHandle::copy_of(ByteView bytes) {
  if (bytes.size() > 0xffff) return {};
  // With room for the headers that may be put in front.
  pbuf* const p = pbuf_alloc(PBUF_TRANSPORT, static_cast<u16_t>(bytes.size()), PBUF_RAM);
  if (p != nullptr && !bytes.empty()) std::memcpy(p->payload, bytes.data(), bytes.size());
  return PbufHandle(p);
}

std::size_t PbufHandle::size() const { return chain_ == nullptr ? 0 : chain_->tot_len; }

std::size_t PbufHandle::describe(std::span<iovec> to) const {
  std::size_t count = 0;
  for (const pbuf* p = chain_; p != nullptr; p = p->next) {
    if (p->len == 0) continue;
    if (count == to.size()) return 0;
    to[count++] = {p->payload, p->len};
  }
  return count;
}

void PbufHandle::copy_to(MutableBytes to) const {
  if (chain_ != nullptr && !to.empty())
    pbuf_copy_partial(chain_, to.data(), static_cast<u16_t>(std::min(to.size(), size())), 0);
}

}  // namespace ztshim::stack
