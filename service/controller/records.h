// All records of a controller, indexed so that a request touches one network and one member however
// many there are. Saving means: compare, count the revision up, hand the file out. Notes:
// controller.md 7, 9.
//
// How it works. Of a network that nobody has asked for since the start only the number is known;
// the first look at it reads its record and its members' (RecordSource), once. A member's record is
// kept as the text it has on the disk, a quarter of its size as JSON values, with its meaning and
// the network's indexes beside it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "common/time.h"
#include "service/controller/member.h"
#include "service/controller/network_definition.h"
#include "service/controller/record_source.h"
#include "service/crypto/identity.h"
#include "service/vl1/outbox.h"

namespace ztshim::controller {

struct MemberEntry {
  std::string text;  // the record
  MemberDefinition definition;
  std::uint64_t revision = 0;
  // In memory only.
  Time last_request = kLongAgo;
  Time last_served = kLongAgo;
  Bytes metadata;     // of the last request; empty: nothing can be pushed
  Identity identity;  // of the same
};

struct NetworkEntry {
  Json record;
  NetworkDefinition definition;
  std::map<Address, MemberEntry> members;
  std::unordered_map<IpAddress, unsigned> assigned;  // how many records name it
  std::set<Address> active_bridges;
  std::size_t unauthorized = 0;  // members that wait for an administrator
  // Who has asked since the start, now and then without those who have gone: the only ones that
  // can be told anything.
  std::set<Address> heard;
  // Those of them whose record was deleted: with a new one they are told at once, and not when they
  // ask the next time. Only what is in memory counts.
  std::map<Address, MemberEntry> deleted;
};

class Records {
 public:
  // Before anything else; outlives this object.
  void set_source(const RecordSource& source);

  // These read what has not been read yet.
  NetworkEntry* find(NetworkId network);
  MemberEntry* find(NetworkId network, Address member);
  // Nothing for a network that nobody has asked for yet.
  const NetworkEntry* find_loaded(NetworkId network) const;
  // Read or not; a damaged one is in the list until somebody looks at it.
  std::vector<NetworkId> ids() const;
  bool contains(NetworkId network) const;
  static Json record_of(const MemberEntry& member);

  // From disk: the reason why the content is no record of this network or member; empty: taken.
  std::string load_network(NetworkId id, ByteView content);
  std::string load_member(NetworkId id, NetworkEntry& network, Address member, ByteView content);
  // True when something but the revision is new: then it is written.
  bool save_network(NetworkId id, Json record, Outbox& out);
  bool save_member(NetworkId id, NetworkEntry& network, Address member, Json record, Outbox& out);
  void remove_network(NetworkId id, Outbox& out);
  void remove_member(NetworkId id, NetworkEntry& network, Address member, Outbox& out);

 private:
  void index(NetworkEntry& network, Address member, const MemberDefinition& definition);
  void unindex(NetworkEntry& network, Address member, const MemberDefinition& definition);
  void put_network(NetworkId id, Json record);
  void put_member(NetworkEntry& network, Address member, const Json& record, std::string text);
  void read(NetworkId id);

  const RecordSource* source_ = nullptr;
  std::set<NetworkId> unread_;
  std::map<NetworkId, NetworkEntry> networks_;
};

}  // namespace ztshim::controller
