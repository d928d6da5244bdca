#include "service/vl2/held_packets.h"

#include <algorithm>
#include <iterator>

#include "service/vl2/constants.h"

namespace ztshim::vl2 {

void HeldPackets::hold(HeldPacket packet) {
  const auto of_source = std::count_if(packets_.begin(), packets_.end(), [&](const auto& held) {
    return held.source == packet.source;
  });
  if (static_cast<std::size_t>(of_source) >= kHeldPerSource) return;
  if (packets_.size() >= kHeldPackets) packets_.erase(packets_.begin());
  packets_.push_back(std::move(packet));
}

template <typename Predicate>
std::vector<HeldPacket> HeldPackets::take_if(Predicate predicate) {
  const auto kept_end = std::stable_partition(
      packets_.begin(), packets_.end(), [&](const HeldPacket& held) { return !predicate(held); });
  std::vector<HeldPacket> taken(std::make_move_iterator(kept_end),
                                std::make_move_iterator(packets_.end()));
  packets_.erase(kept_end, packets_.end());
  return taken;
}

std::vector<HeldPacket> HeldPackets::take(NetworkId network, Address source) {
  return take_if(
      [&](const HeldPacket& held) { return held.network == network && held.source == source; });
}

std::vector<HeldPacket> HeldPackets::take(NetworkId network) {
  return take_if([&](const HeldPacket& held) { return held.network == network; });
}

std::vector<HeldPacket> HeldPackets::take_for_signer(Address signer) {
  return take_if([&](const HeldPacket& held) { return !held.network && held.signer == signer; });
}

void HeldPackets::expire(Time now) {
  take_if([&](const HeldPacket& held) { return now - held.since >= kHoldTime; });
}

}  // namespace ztshim::vl2
