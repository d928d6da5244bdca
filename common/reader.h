// The one way to read packet bytes: a bounds-checked big-endian cursor.
#pragma once

#include <concepts>
#include <cstring>

#include "common/bytes.h"

namespace ztshim {

// Walks big-endian bytes. After the first short read it yields zeroes and empty views for good: a
// parser reads straight through and checks failed() once. Views live as long as the bytes read
// from.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  // The next n bytes, or none (and failed()) if fewer remain.
  ByteView take(std::size_t n) {
    if (n > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const ByteView taken = rest_.first(n);
    rest_ = rest_.subspan(n);
    return taken;
  }

  // The next unsigned integer of sizeof(T) bytes.
  template <std::unsigned_integral T>
  T be() {
    return static_cast<T>(be_bytes(sizeof(T)));
  }
  // The next unsigned integer of n <= 8 bytes (addresses have 5, MACs 6).
  std::uint64_t be_bytes(std::size_t n) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(n)) value = value << 8 | byte;
    return value;
  }
  // Fills `to` completely, or with zeroes.
  void fill(MutableBytes to) {
    const ByteView from = take(to.size());
    if (from.size() == to.size()) {
      if (!to.empty()) std::memcpy(to.data(), from.data(), to.size());
    } else {
      std::memset(to.data(), 0, to.size());
    }
  }

  ByteView rest() const { return rest_; }
  std::size_t remaining() const { return rest_.size(); }
  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }
  // For a parser that finds something it cannot go on from.
  void fail() {
    failed_ = true;
    rest_ = {};
  }

 private:
  ByteView rest_;
  bool failed_ = false;
};

}  // namespace ztshim
