// Objects on their way to the disk: the newest of each kind and key, written a few at a time so
// that waiting for the disk stays out of the packets' way.
#pragma once

#include <map>
#include <tuple>

#include "common/time.h"
#include "service/host/state_store.h"

namespace ztshim::host {

class StoreQueue {
 public:
  explicit StoreQueue(const StateStore& store) : store_(store) {}

  void add(Time now, const StoredObject& object);
  // Writes a few of those that have waited long enough for a newer version to replace them.
  void on_deadline(Time now);
  Time next_deadline() const { return waiting_.empty() ? kNever : due_; }
  // Everything, now.
  void flush();

 private:
  using Key = std::tuple<StoredKind, std::uint64_t, std::uint64_t>;  // kind, owner, key
  void write_first();

  const StateStore& store_;
  std::map<Key, StoredObject> waiting_;
  Time due_ = kNever;
};

}  // namespace ztshim::host
