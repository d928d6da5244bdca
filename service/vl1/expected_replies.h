// Which OKs we may believe: those that quote a packet we sent, to that node, not long ago.
// Notes: vl1-packets 7.3 (stricter than the reference: full ID, sender and time are compared).
#pragma once

#include <optional>
#include <vector>

#include "common/endpoint.h"
#include "common/time.h"
#include "service/crypto/address.h"
#include "service/wire/packet.h"
#include "service/wire/verb.h"

namespace ztshim::vl1 {

// Sets of a few entries chosen by the packet ID; the oldest of a set is overwritten, unless its
// answer may be under way and the table can grow. Verbs that go out once per frame have a table of
// their own, so that traffic cannot push out what keeps paths and lookups going.
class ExpectedReplies {
 public:
  struct Sent {
    Verb verb = Verb::Nop;
    Time when = kLongAgo;
    Endpoint where;
  };

  // May a packet of this verb be answered by OK? Others need not be remembered.
  static bool may_be_answered(Verb verb);
  // Call with the ID as it is on the wire, that is after sealing.
  void expect(PacketId id, Address to, Verb verb, const Endpoint& where, Time now);
  // What was sent under this ID to this node, unless that was too long ago. An answer may come
  // several times (one per copy of a HELLO), so nothing is removed.
  std::optional<Sent> match(PacketId id, Address from, Time now) const;
  std::size_t capacity() const { return requests_.size(); }

 private:
  struct Entry {
    PacketId id;
    std::uint64_t to_and_verb = 0;
    Time when = kLongAgo;
    Endpoint where;
  };
  using Table = std::vector<Entry>;
  static Entry& oldest_of_set(Table& table, PacketId id);
  static void grow(Table& table, Time now);
  static const Entry* find(const Table& table, PacketId id);

  Table requests_;
  Table per_frame_;  // does not grow: of answers to frames only the latest matter
};

}  // namespace ztshim::vl1
