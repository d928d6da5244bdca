// What to do with a datagram: nothing, deliver the packet (once whole) here, or relay it.
// Notes: vl1-packets 1, vl1-behaviour 11.
#pragma once

#include "service/vl1/core.h"
#include "service/vl1/defragment.h"
#include "service/vl1/nat_traversal.h"
#include "service/vl1/rate_gate.h"
#include "service/vl1/sender.h"

namespace ztshim::vl1 {

class Router {
 public:
  Router(Core& core, Sender& sender, NatTraversal& nat) : core_(core), sender_(sender), nat_(nat) {}

  // The packet for us that this datagram is, or completes; the bytes stay until the next call.
  // Otherwise the datagram has been dealt with.
  std::optional<MutableBytes> route(Now now, const Arrival& arrival, MutableBytes datagram,
                                    Outbox& out);
  std::size_t incomplete() const { return defragmenter_.incomplete(); }

 private:
  std::optional<MutableBytes> route_packet(Now now, const Arrival& arrival, MutableBytes packet,
                                           Outbox& out);
  std::optional<MutableBytes> route_fragment(Now now, const Arrival& arrival, MutableBytes fragment,
                                             Outbox& out);
  void on_beacon(Now now, const Arrival& arrival, ByteView beacon, Outbox& out);
  bool may_relay(const Arrival& arrival, unsigned hops, Time now);
  // The way onwards; nullptr when there is none.
  Path* next_hop(Address destination, Address source, const Arrival& arrival, Time now);
  void forward(Path& path, ByteView datagram, Now now, Outbox& out);

  Core& core_;
  Sender& sender_;
  NatTraversal& nat_;
  RateGate beacons_;
  Defragmenter defragmenter_;
};

}  // namespace ztshim::vl1
