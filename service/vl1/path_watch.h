// Notices that a direct path leads nowhere long before it expires, so that packets take the relay
// meanwhile. The reference keeps sending into such a path for up to 243 s (vl1 5.2).
//
// How it works. A path is doubted when the peer sends through a relay although it has the path, or
// when we send over it or the peer uses another, hear nothing for a while, and a probe is not
// answered either. Another direct path is taken then, or else the relay. A doubted path is probed
// as long as there is something to send, and is used again with the first packet that comes over
// it.
#pragma once

#include "service/vl1/core.h"
#include "service/vl1/greeting.h"
#include "service/vl1/keepalive.h"

namespace ztshim::vl1 {

class PathWatch {
 public:
  PathWatch(Core& core, Greeting& greeting, Keepalive& keepalive)
      : core_(core), greeting_(greeting), keepalive_(keepalive) {}

  // A packet of this peer has come through a relay.
  void on_relayed(Now now, Peer& peer, Outbox& out);
  // An authentic packet of this peer has come over this path.
  void on_direct(Now now, Peer& peer, const PeerPath& used, Outbox& out);
  // Something is about to be sent to this address. Cheap while the path is alive.
  void on_send(Now now, Address to, Outbox& out);

 private:
  void watch_relay(Now now, Outbox& out);
  void ask(Now now, Peer& peer, PeerPath& entry, Outbox& out);

  Core& core_;
  Greeting& greeting_;
  Keepalive& keepalive_;
};

}  // namespace ztshim::vl1
