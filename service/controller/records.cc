#include "service/controller/records.h"

namespace ztshim::controller {

namespace {

// The same but for the revision?
bool is_same(const Json& a, const Json& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.items()) {
    if (key == "revision") continue;
    const auto other = b.find(key);
    if (other == b.end() || *other != value) return false;
  }
  return true;
}

void count_up(Json& record) {
  record["revision"] = read_unsigned(member_of(record, "revision"), 0) + 1;
}

Bytes content_of(const Json& record) { return to_bytes(as_bytes(write_text(record))); }

}  // namespace

NetworkEntry* Records::find(NetworkId network) {
  const auto found = networks_.find(network);
  return found == networks_.end() ? nullptr : &found->second;
}

const NetworkEntry* Records::find(NetworkId network) const {
  const auto found = networks_.find(network);
  return found == networks_.end() ? nullptr : &found->second;
}

MemberEntry* Records::find(NetworkId network, Address member) {
  NetworkEntry* entry = find(network);
  if (entry == nullptr) return nullptr;
  const auto found = entry->members.find(member);
  return found == entry->members.end() ? nullptr : &found->second;
}

void Records::load_network(NetworkId id, Json record) {
  NetworkEntry& entry = networks_[id];
  entry.record = std::move(record);
  entry.definition = read_network(entry.record);
}

void Records::load_member(NetworkEntry& network, Address member, Json record) {
  put_member(network, member, std::move(record));
}

void Records::index(NetworkEntry& network, Address member, const MemberDefinition& definition) {
  for (const IpAddress& ip : definition.addresses) ++network.assigned[ip];
  if (definition.active_bridge) network.active_bridges.insert(member);
  if (!definition.authorized) ++network.unauthorized;
}

void Records::unindex(NetworkEntry& network, Address member, const MemberDefinition& definition) {
  for (const IpAddress& ip : definition.addresses) {
    const auto count = network.assigned.find(ip);
    if (--count->second == 0) network.assigned.erase(count);
  }
  if (definition.active_bridge) network.active_bridges.erase(member);
  if (!definition.authorized) --network.unauthorized;
}

void Records::put_member(NetworkEntry& network, Address member, Json record) {
  const auto [place, is_new] = network.members.try_emplace(member);
  if (!is_new) unindex(network, member, place->second.definition);
  place->second.record = std::move(record);
  place->second.definition = read_member(place->second.record);
  index(network, member, place->second.definition);
}

bool Records::save_network(NetworkId id, Json record, Outbox& out) {
  const NetworkEntry* known = find(id);
  if (known != nullptr && is_same(known->record, record)) return false;
  count_up(record);
  out.store({StoredKind::ControllerNetwork, id.number(), 0, false, content_of(record)});
  load_network(id, std::move(record));
  return true;
}

bool Records::save_member(NetworkId id, NetworkEntry& network, Address member, Json record,
                          Outbox& out) {
  const auto known = network.members.find(member);
  if (known != network.members.end() && is_same(known->second.record, record)) return false;
  count_up(record);
  out.store(
      {StoredKind::ControllerMember, member.number(), id.number(), false, content_of(record)});
  put_member(network, member, std::move(record));
  return true;
}

void Records::remove_network(NetworkId id, Outbox& out) {
  const auto found = networks_.find(id);
  if (found == networks_.end()) return;
  for (const auto& [member, entry] : found->second.members) {
    out.store({StoredKind::ControllerMember, member.number(), id.number(), true, {}});
  }
  out.store({StoredKind::ControllerNetwork, id.number(), 0, true, {}});
  networks_.erase(found);
}

void Records::remove_member(NetworkId id, NetworkEntry& network, Address member, Outbox& out) {
  const auto found = network.members.find(member);
  if (found == network.members.end()) return;
  out.store({StoredKind::ControllerMember, member.number(), id.number(), true, {}});
  unindex(network, member, found->second.definition);
  network.members.erase(found);
}

}  // namespace ztshim::controller
