#include "service/controller/records.h"

#include <algorithm>

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

Bytes content_of(const std::string& text) { return to_bytes(as_bytes(text)); }

constexpr const char* kNoObject = "not a JSON object";

}  // namespace

void Records::set_source(const RecordSource& source) {
  source_ = &source;
  for (const NetworkId id : source.record_networks()) unread_.insert(id);
}

// Once per network: whatever comes of it, it is not tried again.
void Records::read(NetworkId id) {
  unread_.erase(id);
  source_->read_network(id, [&](ByteView content) { return load_network(id, content); });
  const auto network = networks_.find(id);
  if (network == networks_.end()) return;
  source_->read_members(id, [&](Address member, ByteView content) {
    return load_member(id, network->second, member, content);
  });
}

NetworkEntry* Records::find(NetworkId network) {
  if (unread_.contains(network)) read(network);
  const auto found = networks_.find(network);
  return found == networks_.end() ? nullptr : &found->second;
}

const NetworkEntry* Records::find_loaded(NetworkId network) const {
  const auto found = networks_.find(network);
  return found == networks_.end() ? nullptr : &found->second;
}

MemberEntry* Records::find(NetworkId network, Address member) {
  NetworkEntry* entry = find(network);
  if (entry == nullptr) return nullptr;
  const auto found = entry->members.find(member);
  return found == entry->members.end() ? nullptr : &found->second;
}

bool Records::contains(NetworkId network) const {
  return networks_.contains(network) || unread_.contains(network);
}

std::vector<NetworkId> Records::ids() const {
  std::vector<NetworkId> ids(unread_.begin(), unread_.end());
  for (const auto& [id, entry] : networks_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

Json Records::record_of(const MemberEntry& member) {
  return parse_object(member.text).value_or(Json::object());
}

std::string Records::load_network(NetworkId id, ByteView content) {
  auto record = parse_object(as_text(content));
  if (!record) return kNoObject;
  if (NetworkId::parse(read_text(member_of(*record, "id"), "")) != id) {
    return "field \"id\" is not " + id.text();
  }
  complete_network_record(*record, id);
  unread_.erase(id);
  put_network(id, std::move(*record));
  return {};
}

std::string Records::load_member(NetworkId id, NetworkEntry& network, Address member,
                                 ByteView content) {
  auto record = parse_object(as_text(content));
  if (!record) return kNoObject;
  if (Address::parse(read_text(member_of(*record, "id"), "")) != member) {
    return "field \"id\" is not " + member.text();
  }
  complete_member_record(*record, id, member);
  std::string text = write_text(*record);
  put_member(network, member, *record, std::move(text));
  return {};
}

void Records::put_network(NetworkId id, Json record) {
  NetworkEntry& entry = networks_[id];
  entry.record = std::move(record);
  entry.definition = read_network(entry.record);
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

void Records::put_member(NetworkEntry& network, Address member, const Json& record,
                         std::string text) {
  const auto [place, is_new] = network.members.try_emplace(member);
  MemberEntry& entry = place->second;
  if (!is_new) unindex(network, member, entry.definition);
  entry.definition = read_member(record);
  entry.revision = read_unsigned(member_of(record, "revision"), 0);
  entry.text = std::move(text);
  entry.text.shrink_to_fit();
  index(network, member, entry.definition);
}

bool Records::save_network(NetworkId id, Json record, Outbox& out) {
  const NetworkEntry* known = find(id);
  if (known != nullptr && is_same(known->record, record)) return false;
  count_up(record);
  out.store({StoredKind::ControllerNetwork, id.number(), 0, false, content_of(write_text(record))});
  put_network(id, std::move(record));
  return true;
}

bool Records::save_member(NetworkId id, NetworkEntry& network, Address member, Json record,
                          Outbox& out) {
  const auto known = network.members.find(member);
  if (known != network.members.end() && is_same(record_of(known->second), record)) return false;
  count_up(record);
  std::string text = write_text(record);
  out.store({StoredKind::ControllerMember, member.number(), id.number(), false, content_of(text)});
  put_member(network, member, record, std::move(text));
  return true;
}

void Records::remove_network(NetworkId id, Outbox& out) {
  if (find(id) == nullptr) return;
  const auto found = networks_.find(id);
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
  network.heard.erase(member);
  network.members.erase(found);
}

}  // namespace ztshim::controller
