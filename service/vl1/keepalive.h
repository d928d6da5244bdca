// All timer decisions about peers in one place: who is greeted when, which mappings are kept open,
// which paths and peers are given up. Notes: vl1-behaviour 3.1, 5.4, 5.6, 12.
//
// How it works. Every peer has one deadline: the earliest moment at which something may have to be
// done about it. When it comes, tend() does what is due by then (perhaps nothing: traffic only ever
// postpones things) and computes the next. Whatever brings a moment forward calls arm(): a path was
// learned, the peer became active or was put on a list. The reference looks at every peer every
// 5 s instead; what it would send is the same, on a coarser grid.
#pragma once

#include <algorithm>

#include "service/vl1/core.h"
#include "service/vl1/deadlines.h"
#include "service/vl1/exchange.h"
#include "service/vl1/greeting.h"

namespace ztshim::vl1 {

class Keepalive {
 public:
  Keepalive(Core& core, Greeting& greeting, Exchange& exchange)
      : core_(core), greeting_(greeting), exchange_(exchange) {}

  // Makes peers of all roots and greets those that have not been greeted lately.
  void greet_roots(Now now, Outbox& out);
  // Our sockets have changed: the roots learn of the new ones.
  void greet_roots_anew(Now now, Outbox& out);
  // Makes sure that the root that relays for us is still there, unless it was heard just now.
  void question_best_root(Now now, Outbox& out);
  // A HELLO came directly from this peer.
  void greeted_by(Now now, Peer& peer);
  // HELLO to this peer by every way there is, outside of its schedule.
  void greet_now(Now now, Peer& peer, Outbox& out);
  // Writes down what is known of a peer, if that is worth it.
  static void store_peer(const Peer& peer, Outbox& out);
  // Something about this peer has changed that may bring its deadline forward.
  void arm(Peer& peer, Time now);
  // The list of always-contact addresses has changed; looked at with the next deadline.
  void contacts_changed() { contacts_due_ = kLongAgo; }

  void on_deadline(Now now, Outbox& out);
  Time deadline() const { return std::min(deadlines_.next(), contacts_due_); }

  std::size_t deadlines() const { return deadlines_.size(); }
  bool is_online(Time now) const;
  bool is_contact(Address address) const;  // on the list, or the seed of a moon we want
  // Reports a change of is_online().
  void update_online(Now now, Outbox& out);

 private:
  void push_deadline(const Peer& peer);
  void tend(Now now, Address address, Outbox& out);
  void tend_root(Now now, Peer& peer, const Roots::Root& root, Outbox& out);
  void question(Now now, Peer& root, Outbox& out);
  static Time mapping_due(const Peer& root, const Path& path);
  void tend_contact(Now now, Peer& peer, Outbox& out);
  // Another port of ours leads to the same place from the same address, and is the better path. One
  // of them is enough to keep: the NATs on the way are the same. Notes: vl1-behaviour 5.4 keeps
  // all.
  bool is_spare(const Peer& peer, const PeerPath& entry, Time now) const;
  // Probes the paths on which nothing was sent for `idle`; HELLO on all once in kFullPing.
  void keep_alive(Now now, Peer& peer, Duration idle, Outbox& out);
  // HELLO to one of the root's endpoints per family, `except` for one that has been greeted; if it
  // has none, through another root.
  enum class Families { All, Missing };
  void greet_endpoints(Now now, Peer& peer, const Roots::Root& root, Families families, Outbox& out,
                       const Endpoint& except = {});
  void check_contacts(Now now, Outbox& out);
  void drop_expired_paths(Peer& peer, Time now, Outbox& out);
  void forget(Peer& peer);
  Time next_deadline(const Peer& peer, Time now) const;
  Time next_for_root(const Peer& peer, Time now) const;

  Core& core_;
  Greeting& greeting_;
  Exchange& exchange_;
  Deadlines deadlines_;
  Time contacts_due_ = kNever;
  bool online_ = false;
};

}  // namespace ztshim::vl1
