// How it works. A small table of single words: hash of socket and place (32 bits), the second (16),
// the largest size that was allowed then (16). Places that meet in one entry push each other out,
// which costs a question. Two that share all 32 bits as well would let one datagram pass unasked:
// the service drops it all the same, only the errno is missed.
#include "shim/checked_sends.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>

namespace ztshim::checked_sends {
namespace {

constexpr std::size_t kEntries = 512;
// What every network carries in one piece: the answer to these does not depend on the size.
constexpr std::size_t kAlwaysFits = 1232;
constexpr std::size_t kLargest = 0xffff;

constinit std::array<std::atomic<std::uint64_t>, kEntries> entries{};
constinit std::atomic<std::uint32_t> epoch{0};

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
  return hash ^ hash >> 29;
}

std::uint64_t hash_of(const Send& send) noexcept {
  std::uint64_t hash = mix(static_cast<std::uint64_t>(send.socket.service),
                           static_cast<std::uint64_t>(send.socket.socket));
  for (const std::uint8_t byte : send.destination.ip.bytes()) hash = mix(hash, byte);
  hash = mix(hash, std::uint64_t{send.destination.port} << 32 | send.destination.scope);
  return mix(hash, std::uint64_t{send.interface_index} << 32 | epoch.load());
}

std::uint64_t second() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  // Never that of an empty entry.
  return static_cast<std::uint64_t>(now.tv_sec) % 0xffff + 1;
}

std::uint64_t head_of(std::uint64_t hash) noexcept { return hash >> 32 << 32 | second() << 16; }

std::size_t size_of(const Send& send) noexcept { return std::max(send.size, kAlwaysFits); }

}  // namespace

bool is_allowed(const Send& send) noexcept {
  const std::uint64_t hash = hash_of(send);
  const std::uint64_t entry = entries[hash % kEntries].load(std::memory_order_relaxed);
  return (entry & ~std::uint64_t{kLargest}) == head_of(hash) && size_of(send) <= (entry & kLargest);
}

void remember(const Send& send) noexcept {
  const std::uint64_t hash = hash_of(send);
  const std::uint64_t fresh = head_of(hash) | std::min(size_of(send), kLargest);
  auto& entry = entries[hash % kEntries];
  const std::uint64_t known = entry.load(std::memory_order_relaxed);
  const bool is_same = (known & ~std::uint64_t{kLargest}) == head_of(hash);
  entry.store(is_same ? std::max(known, fresh) : fresh, std::memory_order_relaxed);
}

void forget_all() noexcept { epoch.fetch_add(1); }

}  // namespace ztshim::checked_sends
