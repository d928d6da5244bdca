// When which peer needs attention: a heap, so that a thousand idle peers cost nothing.
#pragma once

#include <queue>
#include <utility>
#include <vector>

#include "common/time.h"
#include "service/crypto/address.h"

namespace ztshim::vl1 {

// Holds hints, not truth: whoever owns the deadline remembers the one that counts and ignores
// others. So deadlines are brought forward by adding another entry, and never removed.
class Deadlines {
 public:
  void push(Time when, Address whom) { heap_.emplace(when, whom); }
  std::size_t size() const { return heap_.size(); }
  void clear() { heap_ = {}; }
  Time next() const { return heap_.empty() ? kNever : heap_.top().first; }
  // The earliest entry; only when next() has come.
  std::pair<Time, Address> pop() {
    const auto top = heap_.top();
    heap_.pop();
    return top;
  }

 private:
  using Entry = std::pair<Time, Address>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap_;
};

}  // namespace ztshim::vl1
