#include "service/host/udp_batches.h"

namespace ztshim::host {
namespace {

bool fits(const UdpBatch& batch, const Outbox::Datagram& last, const Outbox::Datagram& next) {
  return batch.count < kMaxSegments && batch.bytes + next.size <= kMaxBatchBytes &&
         last.size == batch.segment && next.size <= batch.segment && next.size > 0 &&
         next.offset == last.offset + last.size && next.socket == last.socket &&
         next.ttl == last.ttl && next.remote == last.remote;
}

}  // namespace

void plan_batches(const std::vector<Outbox::Datagram>& datagrams, std::vector<UdpBatch>& batches) {
  batches.clear();
  for (std::size_t i = 0; i < datagrams.size(); ++i) {
    const Outbox::Datagram& next = datagrams[i];
    if (!batches.empty() && fits(batches.back(), datagrams[i - 1], next)) {
      ++batches.back().count;
      batches.back().bytes += next.size;
    } else {
      batches.push_back({i, 1, next.size, next.size, false});
    }
  }
}

}  // namespace ztshim::host
