// Randomness as it is handed in. The core never asks the system for it.
#pragma once

#include <cstdint>

#include "common/bytes.h"

namespace ztshim {

class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;
  virtual ~RandomSource() = default;
  virtual void fill(MutableBytes bytes) = 0;

  std::uint64_t number() {
    std::uint8_t raw[8];
    fill(raw);
    std::uint64_t value = 0;
    for (const std::uint8_t byte : raw) value = value << 8 | byte;
    return value;
  }
  // Uniform enough for choices (not for keys): 0 .. bound-1; 0 when bound is 0.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : number() % bound; }
};

}  // namespace ztshim
