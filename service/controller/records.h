// All records of a controller, indexed so that a request touches one network and one member however
// many there are. Saving means: compare, count the revision up, hand the file out. Notes:
// controller.md 7, 9.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "common/time.h"
#include "service/controller/member.h"
#include "service/controller/network_definition.h"
#include "service/crypto/identity.h"
#include "service/vl1/outbox.h"

namespace ztshim::controller {

struct MemberEntry {
  Json record;
  MemberDefinition definition;
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
};

class Records {
 public:
  NetworkEntry* find(NetworkId network);
  const NetworkEntry* find(NetworkId network) const;
  MemberEntry* find(NetworkId network, Address member);
  const std::map<NetworkId, NetworkEntry>& networks() const { return networks_; }

  // From disk: taken as they are.
  void load_network(NetworkId id, Json record);
  void load_member(NetworkEntry& network, Address member, Json record);

  // True when something but the revision is new: then it is written.
  bool save_network(NetworkId id, Json record, Outbox& out);
  bool save_member(NetworkId id, NetworkEntry& network, Address member, Json record, Outbox& out);
  void remove_network(NetworkId id, Outbox& out);
  void remove_member(NetworkId id, NetworkEntry& network, Address member, Outbox& out);

 private:
  void index(NetworkEntry& network, Address member, const MemberDefinition& definition);
  void unindex(NetworkEntry& network, Address member, const MemberDefinition& definition);
  void put_member(NetworkEntry& network, Address member, Json record);

  std::map<NetworkId, NetworkEntry> networks_;
};

}  // namespace ztshim::controller
