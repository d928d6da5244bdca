// Randomness that repeats itself: the same seed, the same bytes.
#pragma once

#include "service/crypto/random.h"

namespace ztshim {

class FixedRandom final : public RandomSource {
 public:
  explicit FixedRandom(std::uint64_t seed) : state_(seed) {}
  void fill(MutableBytes bytes) override {
    for (std::uint8_t& byte : bytes) {
      // Knuth's linear congruential generator; its high bits are good enough for tests.
      state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
      byte = static_cast<std::uint8_t>(state_ >> 56);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace ztshim
