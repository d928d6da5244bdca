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

// Fixed size, no allocation after the first entry of a kind. Sets of a few entries chosen by the
// packet ID, the oldest of a set is overwritten. Verbs that go out once per frame have a table of
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

 private:
  struct Entry {
    PacketId id;
    std::uint64_t to_and_verb = 0;
    Time when = kLongAgo;
    Endpoint where;
  };
  struct Table {
    std::vector<Entry> entries;
    std::vector<std::uint8_t> next;  // per set: which entry to overwrite
  };
  const Entry* find(const Table& table, PacketId id) const;

  Table requests_;
  Table per_frame_;
};

}  // namespace ztshim::vl1
