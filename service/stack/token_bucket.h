// How often strangers may make us speak: so many a second, some of them at once.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/time.h"

namespace ztshim::stack {

class TokenBucket {
 public:
  TokenBucket(std::int64_t per_second, std::int64_t burst)
      : per_second_(per_second), most_(burst * 1000), level_(most_) {}

  // May it be done now? Counts it if so.
  bool take(Time now) {
    if (last_ != kLongAgo) {
      level_ = std::min(most_, level_ + (now - last_).count() * per_second_);
    }
    last_ = now;
    if (level_ < 1000) return false;
    level_ -= 1000;
    return true;
  }

 private:
  const std::int64_t per_second_, most_;  // in thousandths, as time is in milliseconds
  std::int64_t level_;
  Time last_ = kLongAgo;
};

}  // namespace ztshim::stack
