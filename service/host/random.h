// The real randomness: the kernel's, by way of libsodium's generator.
#pragma once

#include <sodium.h>

#include "service/crypto/random.h"

namespace ztshim::host {

class SystemRandom final : public RandomSource {
 public:
  void fill(MutableBytes bytes) override { randombytes_buf(bytes.data(), bytes.size()); }
};

}  // namespace ztshim::host
