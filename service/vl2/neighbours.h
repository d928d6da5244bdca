// Finding neighbours without asking: addresses that name their member, and the answers we give our
// own stack in their place. ARP is asked over multicast (ethernet.h knows its groups). Notes:
// vl2 1.3, 8.5.
#pragma once

#include <array>

#include "common/bytes.h"
#include "service/vl2/ethernet.h"
#include "service/wire/network_config_dictionary.h"

namespace ztshim::vl2 {

// A neighbour advertisement for the local interface that answers this frame, if it is a
// solicitation for an address that names a member and the network wants that (vl2 8.5).
struct EmulatedAdvertisement {
  EthernetFrame frame;  // its payload is `packet` here; do not copy this object
  std::array<std::uint8_t, 72> packet{};
};
bool emulate_neighbour(const NetworkConfig& config, Address own, const EthernetFrame& frame,
                       EmulatedAdvertisement& answer);

}  // namespace ztshim::vl2
