// From a packet for us to whoever handles its verb, and the bookkeeping that every authentic packet
// brings about. Notes: vl1-packets 7, vl1-behaviour 6.
#pragma once

#include <optional>

#include "service/vl1/core.h"
#include "service/vl1/exchange.h"
#include "service/vl1/greeting.h"
#include "service/vl1/keepalive.h"
#include "service/vl1/nat_traversal.h"
#include "service/vl1/path_watch.h"
#include "service/vl1/rate_gate.h"
#include "service/vl1/sender.h"

namespace ztshim::vl1 {

class Dispatch {
 public:
  Dispatch(Core& core, Sender& sender, Greeting& greeting, Exchange& exchange, NatTraversal& nat,
           Keepalive& keepalive, PathWatch& path_watch)
      : core_(core),
        sender_(sender),
        greeting_(greeting),
        exchange_(exchange),
        nat_(nat),
        keepalive_(keepalive),
        path_watch_(path_watch) {}

  // A whole packet for us, as it arrived; it is opened in place.
  void on_packet(Now now, const Arrival& arrival, MutableBytes packet, Outbox& out);

 private:
  // An opened, decompressed packet of a known peer.
  struct Opened {
    Peer& peer;
    const Arrival& arrival;
    PacketId id;
    Verb verb;
    unsigned hops;
    ByteView payload;
  };
  using Verdict = vl1::Verdict;

  void on_opened(Now now, const Opened& packet, Outbox& out);
  Verdict handle(Now now, const Opened& packet, Outbox& out);
  Verdict on_ok(Now now, const Opened& packet, Outbox& out);
  Verdict on_error(Now now, const Opened& packet, Outbox& out);
  Verdict on_whois(Now now, const Opened& packet, Outbox& out);
  Verdict on_echo(Now now, const Opened& packet, Outbox& out);
  Verdict to_upper(Now now, const Opened& packet, Outbox& out);
  // The packet counts: times, paths, pushes (vl1-behaviour 6).
  void received(Now now, const Opened& packet, bool trusted, Outbox& out);
  void on_direct(Now now, const Opened& packet, Outbox& out);
  void confirm(Now now, Peer& peer, const PathKey& place, Outbox& out);
  void dispute(Now now, Peer& peer, const PeerPath& twin, const PathKey& place, Outbox& out);

  Core& core_;
  Sender& sender_;
  Greeting& greeting_;
  Exchange& exchange_;
  NatTraversal& nat_;
  Keepalive& keepalive_;
  PathWatch& path_watch_;
  // Forgetful tables: who makes up sources for his packets must not close the gate for others.
  GateTable<OnCollision::Forget> echoes_{kGateSlots};
  GateTable<OnCollision::Forget> confirmations_{kGateSlots};
  GateTable<OnCollision::Forget> disputes_{kGateSlots};
  // What the packet at hand answers, when it is an OK that we expected.
  std::optional<ExpectedReplies::Sent> answers_;
  Bytes decompressed_;
};

}  // namespace ztshim::vl1
