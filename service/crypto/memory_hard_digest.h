// From public keys to the digest that names a node: two mebibytes of memory, filled and then mixed
// in an order that cannot be foreseen. Notes: vl1-crypto 2.3.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/bytes.h"

namespace ztshim {

// Computes digests one after the other in the same memory: the search for an address needs about
// fifteen. The steps can be called apart, for the known answers in between.
class MemoryHardDigest {
 public:
  static constexpr std::size_t kMemorySize = 2'097'152;
  using Digest = std::array<std::uint8_t, 64>;

  MemoryHardDigest();

  const Digest& compute(std::span<const std::uint8_t, 64> public_key) {
    start(public_key);
    fill();
    mix();
    return digest_;
  }

  void start(std::span<const std::uint8_t, 64> public_key);
  void fill();
  void mix();
  const Digest& digest() const { return digest_; }
  ByteView memory() const { return memory_; }

 private:
  Digest digest_{};
  std::array<std::uint8_t, 40> stream_{};  // Salsa20 key (32) and nonce (8)
  std::vector<std::uint8_t> memory_;
};

}  // namespace ztshim
