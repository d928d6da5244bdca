// WHOIS in both roles, and the packets that wait for its answer. Notes: vl1-packets 7.4,
// vl1-behaviour 4.1 to 4.3.
#pragma once

#include "service/vl1/core.h"
#include "service/vl1/greeting.h"
#include "service/vl1/sender.h"

namespace ztshim::vl1 {

class Exchange {
 public:
  Exchange(Core& core, Sender& sender, Greeting& greeting)
      : core_(core), sender_(sender), greeting_(greeting) {}

  // Sends this payload to `to`: at once when there is a way, or within kQueueTime when one opens.
  std::optional<PacketId> send(Now now, Address to, Verb verb, ByteView head, ByteView body,
                               bool compress, Outbox& out);
  // A peer of earlier makes itself known again when it answers from where it was.
  void restore(Now now, const CachedPeer& cached, Outbox& out);
  // Wants to know an identity, for us or because a stranger made us.
  void look_up(Now now, Address address, AskedBy by, Outbox& out);
  // Keeps a packet until its sender's identity is known.
  void hold(Now now, Address source, const Arrival& arrival, ByteView packet, Outbox& out);

  bool on_whois(Now now, const Peer& from, const Arrival& arrival, PacketId id, ByteView payload,
                Outbox& out);
  bool on_ok_whois(Now now, const Peer& from, ByteView body);

  // A way to somewhere has opened: whatever waited for it is tried again.
  void retry(Now now, Outbox& out);
  void ask_again(Now now, Outbox& out);  // also without regard to the time of the last question
  // True when a WHOIS was repeated: the root does not know, or does not hear us.
  bool on_deadline(Now now, Outbox& out);
  Time deadline() const;

 private:
  void ask(Now now, Address address, Outbox& out);
  void try_memorized(Now now, Peer& peer, Outbox& out);

  Core& core_;
  Sender& sender_;
  Greeting& greeting_;
};

}  // namespace ztshim::vl1
