// How often a stranger may make us work. Each gate is a few bytes or a table of fixed size.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/time.h"

namespace ztshim::vl1 {

// Opens at most once per interval. A refused attempt does not extend the wait.
class RateGate {
 public:
  bool enter(Time now, Duration interval) {
    if (now - last_ < interval) return false;
    last_ = now;
    return true;
  }

 private:
  Time last_ = kLongAgo;
};

// Lets the first `limit` events of a burst through; a burst ends with a pause longer than `gap`.
class BurstGate {
 public:
  bool enter(Time now, Duration gap, unsigned limit) {
    if (now - last_ > gap) count_ = 0;
    last_ = now;
    if (count_ >= limit) return false;
    ++count_;
    return true;
  }

 private:
  Time last_ = kLongAgo;
  unsigned count_ = 0;
};

// Opens a few times per interval.
class QuotaGate {
 public:
  bool enter(Time now, Duration interval, unsigned limit) {
    if (now - begin_ >= interval) {
      begin_ = now;
      count_ = 0;
    }
    if (count_ >= limit) return false;
    ++count_;
    return true;
  }

 private:
  Time begin_ = kLongAgo;
  unsigned count_ = 0;
};

// One RateGate per key in a table of bounded size. Keys are hashes; they should be salted where a
// stranger chooses them. What happens when the keys of a slot are too many is the table's point:
//  - Forget: the newer key takes the place of the one let through longest ago (of two). For gates
//    that only save work per key: a stranger who invents keys cannot close the gate for others.
//  - Share: all keys share one gate. For gates that bound our total work.
enum class OnCollision { Forget, Share };

template <OnCollision on_collision>
class GateTable {
 public:
  // An even number.
  explicit GateTable(std::size_t slots) : slots_(slots) {}

  bool enter(std::uint64_t key, Time now, Duration interval) {
    if (table_.empty()) table_.resize(slots_);  // idle nodes pay nothing
    Slot& slot = table_[place_of(key)];
    const bool same = on_collision == OnCollision::Share || slot.key == key;
    if (same && now - slot.last < interval) return false;
    slot = {key, now};
    return true;
  }

  // When this key was let through; kLongAgo when that is not known (any more).
  Time last(std::uint64_t key) const {
    if (table_.empty()) return kLongAgo;
    const Slot& slot = table_[place_of(key)];
    return on_collision == OnCollision::Share || slot.key == key ? slot.last : kLongAgo;
  }

  // Makes it larger, if it is not as large already. What it holds is kept.
  void make_room(std::size_t slots) {
    if (slots <= slots_) return;
    slots_ = slots;
    if (table_.empty()) return;
    std::vector<Slot> smaller(slots_);
    smaller.swap(table_);
    for (const Slot& slot : smaller) {
      if (slot.last != kLongAgo) table_[place_of(slot.key)] = slot;
    }
  }
  std::size_t slots() const { return slots_; }

 private:
  struct Slot {
    std::uint64_t key = 0;
    Time last = kLongAgo;
  };
  std::size_t place_of(std::uint64_t key) const {
    const std::size_t place = key % slots_;
    if (on_collision == OnCollision::Share || table_[place].key == key) return place;
    const std::size_t other = place ^ 1;
    return table_[other].key == key || table_[other].last < table_[place].last ? other : place;
  }

  std::size_t slots_;
  std::vector<Slot> table_;
};

// Mixes a hash well enough that its low bits can be used (splitmix64's last step).
inline std::uint64_t mixed(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ x >> 31;
}

}  // namespace ztshim::vl1
