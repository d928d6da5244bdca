#include "service/host/store_queue.h"

#include "common/log.h"

namespace ztshim::host {
namespace {

// Long enough for the burst of changes at a join to become one write, short enough that little is
// lost when the process is killed.
constexpr Duration kSettle{250};
// A write waits for the disk (milliseconds to tens of them) on the thread that carries packets.
constexpr int kWritesPerTurn = 2;

}  // namespace

void StoreQueue::add(Time now, const StoredObject& object) {
  if (waiting_.empty()) due_ = now + kSettle;
  waiting_.insert_or_assign(Key{object.kind, object.owner, object.key}, object);
}

void StoreQueue::on_deadline(Time now) {
  if (now < next_deadline()) return;
  for (int i = 0; i < kWritesPerTurn && !waiting_.empty(); ++i) write_first();
}

void StoreQueue::flush() {
  while (!waiting_.empty()) write_first();
}

void StoreQueue::write_first() {
  const auto node = waiting_.extract(waiting_.begin());
  // The node works on without the file; the operator has to know.
  if (const auto written = store_.apply(node.mapped()); !written) {
    log(LogArea::Host, LogLevel::Error, "{}", written.error());
  }
}

}  // namespace ztshim::host
