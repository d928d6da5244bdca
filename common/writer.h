// The one way to compose packet bytes: appends big-endian values to a byte vector.
#pragma once

#include <concepts>

#include "common/bytes.h"

namespace ztshim {

// Appends to a vector it does not own. Cannot fail; bounds are the caller's business before
// writing.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}

  template <std::unsigned_integral T>
  Writer& be(T value) {
    return be_bytes(value, sizeof(T));
  }
  // The n lowest bytes of value, most significant first.
  Writer& be_bytes(std::uint64_t value, std::size_t n) {
    for (std::size_t i = n; i-- > 0;) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }
  Writer& bytes(ByteView more) {
    append(out_, more);
    return *this;
  }
  Writer& zeroes(std::size_t n) {
    out_.insert(out_.end(), n, 0);
    return *this;
  }
  std::size_t size() const { return out_.size(); }
  Bytes& buffer() { return out_; }

 private:
  Bytes& out_;
};

}  // namespace ztshim
