// Which neighbouring datagrams of an Outbox may leave in one call. Decides only; sends nothing.
#pragma once

#include <vector>

#include "service/vl1/outbox.h"

namespace ztshim::host {

// The kernel's limits for one segmented send (UDP_SEGMENT): segments, and bytes of an IPv4
// datagram.
inline constexpr std::size_t kMaxSegments = 64;
inline constexpr std::size_t kMaxBatchBytes = 65507;

// Datagrams [first, first + count): one after the other in memory, with the same socket,
// destination and hop limit, all of `segment` bytes but for the last, which may be shorter.
struct UdpBatch {
  std::size_t first = 0;
  std::size_t count = 0;
  std::uint32_t segment = 0;
  std::uint32_t bytes = 0;
  bool taken = false;  // for the sender: some socket had it
};

// Covers all datagrams in their order. `batches` is cleared first and keeps its capacity.
void plan_batches(const std::vector<Outbox::Datagram>& datagrams, std::vector<UdpBatch>& batches);

}  // namespace ztshim::host
