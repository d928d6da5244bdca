// Packets that came too early: frames whose sender has not yet shown its credentials, credentials
// whose signer we do not know yet. A few, for a few seconds. Notes: vl2 6.4.
#pragma once

#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/time.h"
#include "service/vl1/vl1.h"
#include "service/wire/network_id.h"

namespace ztshim::vl2 {

struct HeldPacket {
  Address source;
  PacketId id;
  Verb verb = Verb::Nop;
  Bytes payload;
  Arrival arrival;
  unsigned hops = 0;
  NetworkId network;  // whose credentials are missing; none: waits for `signer`
  Address signer;     // whose identity is missing
  Time since;
};

class HeldPackets {
 public:
  // The oldest gives way; a source that has its share already is refused.
  void hold(HeldPacket packet);
  // Removes and returns those of `source` that wait for credentials of `network`.
  std::vector<HeldPacket> take(NetworkId network, Address source);
  std::vector<HeldPacket> take(NetworkId network);  // of anybody
  std::vector<HeldPacket> take_for_signer(Address signer);
  void expire(Time now);
  const std::vector<HeldPacket>& all() const { return packets_; }
  bool empty() const { return packets_.empty(); }

 private:
  template <typename Predicate>
  std::vector<HeldPacket> take_if(Predicate predicate);

  std::vector<HeldPacket> packets_;  // in order of arrival
};

}  // namespace ztshim::vl2
