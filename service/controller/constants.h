// Durations and limits of the controller. "Protocol": controller.md; "ours": chosen here.
#pragma once

#include <cstddef>

#include "common/time.h"

namespace ztshim::controller {

// Requests of one member that follow the last one sooner are ignored. Protocol.
inline constexpr Duration kRequestSpacing{1'000};
// A member that asked within this time gets what changes pushed. Protocol.
inline constexpr Duration kOnline{120'000};
// Members served within this time may use our multicast database. Protocol.
inline constexpr Duration kServedMemory{180'000};
// A revocation is sent again so much later: receivers look at one packet of credentials per second
// and sender, and may have spent this second's on our own credentials (vl2 15.7).
inline constexpr Duration kRepeatRevocation{1'500};
// What fits into one packet beside the list counts (152 bytes each in 9900).
inline constexpr std::size_t kRevocationsPerPacket = 60;
// Ours: records that requests of strangers make on a private network, where each waits for an
// administrator. Beyond that they are refused without leaving a record.
inline constexpr std::size_t kMaxUnauthorized = 10'000;
// Ours: how many (network, member) pairs the gate for unknown networks tells apart.
inline constexpr std::size_t kGateSlots = 1'024;
inline constexpr std::size_t kMaxMetadata = 1'023;  // protocol: a longer one is cut

}  // namespace ztshim::controller
