// What is done when we have moved: sockets went or came, addresses changed, the machine slept, a
// root says that we look different from outside. Notes: vl1-behaviour 8, 12, 13.
//
// How it works. Paths over a socket that is gone are given up at once; who was reached over them is
// greeted from what sockets are left. All others whom we talk to get a probe, so that they see our
// new address and can confirm it before they need it. The roots are greeted anew, which also tells
// us what we look like now.
#pragma once

#include "service/vl1/core.h"
#include "service/vl1/greeting.h"
#include "service/vl1/keepalive.h"

namespace ztshim::vl1 {

class Roaming {
 public:
  Roaming(Core& core, Greeting& greeting, Keepalive& keepalive)
      : core_(core), greeting_(greeting), keepalive_(keepalive) {}

  void on_sockets(Now now, const LocalSockets::Change& change, Outbox& out);
  // Others may reach us at more or other places: who is trusted hears of it with his next packet.
  void on_external_addresses();
  // The machine slept, or the clock of the timers jumped: nothing known of paths is certain.
  void on_resume(Now now, Outbox& out);
  // The operator's rules have changed: what they forbid is dropped.
  void on_rules(Now now, Outbox& out);

 private:
  bool matters(const Peer& peer, Time now) const;
  // Drops the peer's entries that `condition` holds for; the places they led to.
  template <typename Condition>
  std::vector<Endpoint> drop_paths(Peer& peer, Condition condition);
  void greet_again(Now now, Peer& peer, const std::vector<Endpoint>& places, Outbox& out);
  void show(Now now, Peer& peer, const std::vector<LocalSocket>& added, Outbox& out);

  Core& core_;
  Greeting& greeting_;
  Keepalive& keepalive_;
};

}  // namespace ztshim::vl1
