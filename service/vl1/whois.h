// Identities being asked for, and the packets that wait for them. Bounded on all sides, since a
// packet from a made-up address is enough to start a lookup. Who is asked, and how, is Exchange's
// business. Notes: vl1-behaviour 4.1 to 4.3.
#pragma once

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <vector>

#include "common/bytes.h"
#include "common/time.h"
#include "service/crypto/address.h"
#include "service/vl1/constants.h"
#include "service/vl1/outbox.h"
#include "service/wire/packet.h"
#include "service/wire/verb.h"

namespace ztshim::vl1 {

// Us: something waits for the answer, so the question is repeated. Stranger: the same, but a packet
// from a made-up address is enough. Schedule: nothing waits; whoever asks comes back.
enum class AskedBy { Us, Stranger, Schedule };

class Lookups {
 public:
  // Wants the identity of `address` for the next kQueueTime. True when it should be asked for now:
  // it was not within kWhoisRetry. False also when there are too many lookups already.
  bool want(Address address, AskedBy by, Time now);
  void answered(Address address);
  bool is_wanted(Address address) const { return wanted_.contains(address); }
  // Who is to be asked for again at `now`; forgets those that nobody waits for any longer.
  std::vector<Address> due(Time now);
  // The same without regard to the retry time: the way to a root has just opened.
  std::vector<Address> all(Time now);
  // Asked after every datagram, hence remembered. May be early, never late.
  Time deadline() const { return wanted_.empty() ? kNever : deadline_; }
  std::size_t size() const { return wanted_.size(); }

 private:
  struct Lookup {
    Time asked = kLongAgo;
    Time until = kLongAgo;
    AskedBy by = AskedBy::Us;

    bool is_due(Time now) const { return by != AskedBy::Schedule && now - asked >= kWhoisRetry; }
    Time deadline() const {
      return by == AskedBy::Schedule ? until : std::min(asked + kWhoisRetry, until);
    }
  };
  using Table = std::unordered_map<Address, Lookup>;
  Table::iterator forget(Table::iterator lookup);

  Table wanted_;
  std::size_t for_strangers_ = 0;
  Time deadline_ = kNever;
};

// Packets of ours without a route, in the order of their age. The oldest is dropped when the queue
// is full.
class OutgoingQueue {
 public:
  struct Packet {
    Address to;
    Verb verb = Verb::Nop;
    Bytes payload;
    bool compress = false;
    Time until = kLongAgo;
  };
  // True when another packet had to go for it.
  bool push(Packet packet);
  // All that are still worth sending, in order; the queue is empty afterwards.
  std::deque<Packet> take(Time now);
  void expire(Time now);
  Time deadline() const { return packets_.empty() ? kNever : packets_.front().until; }
  bool empty() const { return packets_.empty(); }
  std::size_t size() const { return packets_.size(); }

 private:
  std::deque<Packet> packets_;
};

// Sealed packets whose sender we do not know yet, in the order of their age.
class IncomingQueue {
 public:
  struct Packet {
    Address source;
    Arrival arrival;
    Bytes bytes;
    Time until = kLongAgo;
  };
  // True when another packet had to go for it: the oldest of this source when it holds its share,
  // else the oldest of all.
  bool push(Packet packet, Time now);
  std::vector<Packet> take(Address source, Time now);
  void expire(Time now);
  Time deadline() const { return packets_.empty() ? kNever : packets_.front().until; }
  std::size_t size() const { return packets_.size(); }

 private:
  std::deque<Packet> packets_;
};

}  // namespace ztshim::vl1
