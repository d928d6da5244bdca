// Finding direct paths: RENDEZVOUS and PUSH_DIRECT_PATHS, in both roles. Notes: vl1-behaviour
// 7, 11.
#pragma once

#include "service/vl1/core.h"
#include "service/vl1/greeting.h"
#include "service/vl1/rate_gate.h"
#include "service/vl1/sender.h"

namespace ztshim::vl1 {

class NatTraversal {
 public:
  NatTraversal(Core& core, Sender& sender, Greeting& greeting)
      : core_(core), sender_(sender), greeting_(greeting) {}

  // Both return false when the packet is malformed (and counted).
  bool on_rendezvous(Now now, const Peer& from, const Arrival& arrival, ByteView payload,
                     Outbox& out);
  bool on_push(Now now, Peer& from, ByteView payload, unsigned hops, Outbox& out);

  // Tells a peer we trust where we may be reached, back on the way its packet came, unless that was
  // done lately.
  void push(Now now, Peer& peer, const Arrival& arrival, unsigned hops, Outbox& out);
  // Tells two peers whose packet we relay of each other, unless that was done lately.
  void introduce(Now now, Peer& a, Peer& b, Outbox& out);

 private:
  std::vector<Endpoint> own_addresses(Time now) const;
  static bool leads_nowhere_new(Time now, const Peer& peer, unsigned hops, const Endpoint& place);
  void send_rendezvous(Now now, Peer& to, const Path& by, Address about, const Endpoint& place,
                       Outbox& out);

  Core& core_;
  Sender& sender_;
  Greeting& greeting_;
  GateTable<OnCollision::Forget> introductions_{kIntroductions};
};

}  // namespace ztshim::vl1
