// HELLO and its answer: how nodes learn each other's identity, version, and each other's view of
// their addresses, and how a place is tried. Notes: vl1-packets 7.1, vl1-behaviour 5.5.
#pragma once

#include "service/vl1/core.h"
#include "service/vl1/rate_gate.h"
#include "service/vl1/sender.h"

namespace ztshim::vl1 {

class Greeting {
 public:
  Greeting(Core& core, Sender& sender) : core_(core), sender_(sender) {}

  // Greets the peer at this place. `remote` may be a relay's, or none.
  void hello(Now now, Peer& peer, LocalSocket socket, const Endpoint& remote, Outbox& out);
  // By way of the best root; false when there is no way to it.
  bool hello_through_root(Now now, Peer& peer, Outbox& out);
  // Tries a place: HELLO, or the lighter ECHO when the peer is known to answer it.
  enum class Probe { Light, Full };
  void probe(Now now, Peer& peer, LocalSocket socket, const Endpoint& remote, Probe kind,
             Outbox& out);

  // A HELLO under suite 0 from anybody: checks it, makes the peer if need be, answers. The peer if
  // all was well, and then the packet counts as received; nullptr otherwise (counted).
  Peer* on_hello(Now now, const Arrival& arrival, MutableBytes packet, Outbox& out);
  // The same for one that came under another suite from a known peer and is open already.
  bool on_opened_hello(Now now, Peer& peer, const Arrival& arrival, MutableBytes packet,
                       Outbox& out);
  // The answer to a HELLO of ours. False when it is malformed.
  bool on_ok_hello(Now now, Peer& peer, const Arrival& arrival, ByteView body, unsigned hops,
                   Outbox& out);
  // A world was accepted: into the outbox with it.
  static void store_world(const World& world, Outbox& out);

 private:
  Peer* open_from_known(Now now, Peer& peer, const Identity& claimed, const Arrival& arrival,
                        MutableBytes packet, Outbox& out);
  Peer* open_from_stranger(Now now, const Identity& claimed, const Arrival& arrival,
                           MutableBytes packet);
  void refuse_claim(Now now, const Identity& claimed, const Arrival& arrival, MutableBytes packet,
                    Outbox& out);
  bool may_validate(const Endpoint& from, Time now);
  void answer(Now now, Peer& peer, const Arrival& arrival, PacketId in_re, const Hello& hello,
              Outbox& out);
  Bytes newer_worlds(const Hello& hello) const;
  void note_surface(Now now, Peer& peer, const Arrival& arrival, const Endpoint& seen, Outbox& out);
  void prove_paths_again(Now now, const IpAddress& changed, Outbox& out);
  void apply_worlds(Peer& peer, ByteView worlds, Outbox& out);

  Core& core_;
  Sender& sender_;
  GateTable<OnCollision::Share> validations_{kValidateSlots};
};

}  // namespace ztshim::vl1
