// How it works. A request is answered from two records, the network's and the member's. Answering
// may change the member's (identity pinned, authorised because the network is public, address
// picked), which is saved before the answer goes out. An administrator's change goes the other way:
// record saved, then pushed to the members who are online; a member who loses its authorisation is
// revoked at all the others.
#include "service/controller/controller.h"

#include <fmt/core.h>

#include <algorithm>
#include <deque>

#include "common/log.h"
#include "service/controller/address_assignment.h"
#include "service/controller/constants.h"
#include "service/controller/issue.h"
#include "service/controller/records.h"
#include "service/vl1/rate_gate.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/network_config.h"
#include "service/wire/messages/network_config_request.h"
#include "service/wire/messages/network_credentials.h"

namespace ztshim::controller {

class Controller::Impl {
 public:
  explicit Impl(RandomSource& random)
      : random_(random), unknown_gate_(kGateSlots), gate_salt_(random.number()) {}

  void attach(vl1::Vl1& vl1, vl2::Vl2& own) {
    vl1_ = &vl1;
    own_ = &own;
  }

  void on_request(Now now, const Request& request, Outbox& out);
  bool is_authorized(Now now, NetworkId id, Address member) const;
  void push_all(Now now, NetworkId id, Outbox& out);
  std::vector<Address> online_members(Now now, NetworkEntry& network) const;
  void push(Now now, NetworkId id, Address member, Outbox& out);
  static void keep_in_touch(Now now, NetworkEntry& network, Address member);
  static void take_up_again(NetworkEntry& network, Address member);
  void revoke(Now now, NetworkId id, NetworkEntry& network, const std::vector<Address>& members,
              Outbox& out);
  void on_deadline(Now now, Outbox& out);
  Time next_deadline() const { return repeats_.empty() ? kNever : repeats_.front().due; }

  Address own_address() const { return vl1_->address(); }
  Records records;
  RandomSource& random() { return random_; }

 private:
  struct Asked {  // a request, or our own wish to push
    NetworkId network;
    const Identity& member;
    ByteView metadata;
    PacketId id;  // what the answer quotes
    bool is_push = false;
  };
  void serve(Now now, const Asked& asked, Outbox& out);
  bool decide(Now now, const NetworkDefinition& network, const RequestMetadata& metadata,
              Json& record) const;
  void add_defaults(const NetworkDefinition& network, bool is_new, Json& record) const;
  void remember(Now now, const Asked& asked);
  void send_config(Now now, const Asked& asked, const NetworkConfig& config, Outbox& out);
  void refuse(Now now, const Asked& asked, ErrorCode code, Outbox& out);
  void send_credentials(Now now, const std::vector<Address>& to, ByteView payload, Outbox& out);

  struct Repeat {  // a packet of revocations, to be sent once more
    Time due;
    std::vector<Address> to;
    Bytes payload;
  };

  RandomSource& random_;
  vl1::Vl1* vl1_ = nullptr;
  vl2::Vl2* own_ = nullptr;
  vl1::GateTable<vl1::OnCollision::Forget> unknown_gate_;
  std::uint64_t gate_salt_;
  std::deque<Repeat> repeats_;  // in order of time
};

void Controller::Impl::on_request(Now now, const Request& request, Outbox& out) {
  if (request.network.controller() != own_address()) return;
  const Address member = request.member.address();
  const ByteView metadata = request.metadata.first(std::min(request.metadata.size(), kMaxMetadata));
  const NetworkEntry* network = records.find(request.network);
  if (request.id != PacketId()) {  // not our own node
    MemberEntry* known = records.find(request.network, member);
    if (known != nullptr) {
      if (now.time - known->last_request <= kRequestSpacing) return;
    } else {
      const std::uint64_t key =
          vl1::mixed(gate_salt_ ^ member.number() ^ vl1::mixed(request.network.number()));
      if (!unknown_gate_.enter(key, now.time, kRequestSpacing + Duration{1})) return;
    }
  }
  const Asked asked{request.network, request.member, metadata, request.id, false};
  if (network == nullptr) return refuse(now, asked, ErrorCode::ObjectNotFound, out);
  serve(now, asked, out);
}

// Is the member in? May let it in by itself (controller.md 3).
bool Controller::Impl::decide(Now now, const NetworkDefinition& network,
                              const RequestMetadata& metadata, Json& record) const {
  if (read_bool(record["authorized"], false)) return true;
  if (!network.is_private) {
    authorize(record, now.wall_ms, "public", nullptr);
    return true;
  }
  constexpr std::string_view kTokenPrefix = "token:";
  if (!metadata.authorization.starts_with(kTokenPrefix)) return false;
  const std::string token = metadata.authorization.substr(kTokenPrefix.size());
  const auto known = network.tokens.find(token);
  if (token.empty() || known == network.tokens.end()) return false;
  if (known->second != 0 && known->second <= now.wall_ms) return false;
  authorize(record, now.wall_ms, "token", token);
  return true;
}

// Capabilities come with a new record only; tags whenever one is missing (controller.md 4.1).
void Controller::Impl::add_defaults(const NetworkDefinition& network, bool is_new,
                                    Json& record) const {
  MemberDefinition member = read_member(record);
  if (is_new) {
    Json ids = Json::array();
    for (const std::uint32_t id : member.capabilities) ids.push_back(id);
    for (const auto& capability : network.capabilities) {
      if (capability.is_default) ids.push_back(capability.id);
    }
    record["capabilities"] = ids;
  }
  bool added = false;
  for (const auto& tag : network.tags) {
    if (tag.default_value) added |= member.tags.try_emplace(tag.id, *tag.default_value).second;
  }
  if (!added) return;
  Json pairs = Json::array();
  for (const auto& [id, value] : member.tags) pairs.push_back(Json::array({id, value}));
  record["tags"] = pairs;
}

// What a push will need. Kept of those who are refused as well, so that authorising them takes
// effect at once and not with their next request.
void Controller::Impl::remember(Now now, const Asked& asked) {
  const Address address = asked.member.address();
  MemberEntry& entry = *records.find(asked.network, address);
  records.find(asked.network)->heard.insert(address);
  entry.last_request = now.time;
  entry.metadata = to_bytes(asked.metadata);
  entry.identity = asked.member;
}

void Controller::Impl::serve(Now now, const Asked& asked, Outbox& out) {
  NetworkEntry& network = *records.find(asked.network);
  const Address address = asked.member.address();
  MemberEntry* entry = records.find(asked.network, address);
  const bool is_new = entry == nullptr;
  Json record =
      is_new ? new_member_record(asked.network, address, now.wall_ms) : Records::record_of(*entry);

  // The first key seen under an address stays (trust on first use).
  const std::string pinned = read_text(member_of(record, "identity"), "");
  if (pinned.empty()) {
    record["identity"] = asked.member.text();
  } else {
    const auto identity = Identity::parse(pinned);
    if (!identity || !(*identity == asked.member)) {
      log(LogArea::Controller, LogLevel::Warn, "net={} peer={} refused: another identity is pinned",
          asked.network.text(), address.text());
      return refuse(now, asked, ErrorCode::NetworkAccessDenied, out);
    }
  }
  const RequestMetadata metadata = RequestMetadata::parse(asked.metadata);
  const bool authorized = decide(now, network.definition, metadata, record);
  if (!authorized) {
    if (is_new && network.unauthorized >= kMaxUnauthorized) {
      return refuse(now, asked, ErrorCode::NetworkAccessDenied, out);
    }
    records.save_member(asked.network, network, address, std::move(record), out);
    if (!asked.is_push) remember(now, asked);
    if (is_new) {
      log(LogArea::Controller, LogLevel::Info, "net={} peer={} waits to be authorised",
          asked.network.text(), address.text());
    }
    return refuse(now, asked, ErrorCode::NetworkAccessDenied, out);
  }

  if (!asked.is_push) {
    record["vMajor"] = metadata.version.major;
    record["vMinor"] = metadata.version.minor;
    record["vRev"] = metadata.version.revision;
    record["vProto"] = metadata.protocol;
  }
  const bool understands_rules = metadata.rules_engine_revision != 0;
  if (understands_rules) add_defaults(network.definition, is_new, record);
  MemberDefinition member = read_member(record);
  const Assignment assignment = assign_addresses(
      network.definition, asked.network, address, member,
      [&network](const IpAddress& ip) { return network.assigned.count(ip) != 0; }, random_);
  for (const IpAddress& ip : assignment.picked) {
    record["ipAssignments"].push_back(ip.text());
    log(LogArea::Controller, LogLevel::Info, "net={} peer={} gets {}", asked.network.text(),
        address.text(), ip.text());
  }
  if ((assignment.is_short_of_v4 || assignment.is_short_of_v6) && !asked.is_push) {
    log(LogArea::Controller, LogLevel::Warn,
        "net={} peer={} gets no IPv{} address: the pools are exhausted, or outside all routes",
        asked.network.text(), address.text(), assignment.is_short_of_v4 ? 4 : 6);
  }
  // Saved first. The reference then pushes the configuration a second time, because a record
  // changed; the answer itself already says all that push would (controller.md 6), so we do not.
  records.save_member(asked.network, network, address, std::move(record), out);
  if (!asked.is_push) remember(now, asked);
  MemberEntry& saved = *records.find(asked.network, address);
  saved.last_served = now.time;
  const std::vector<Address> bridges(network.active_bridges.begin(), network.active_bridges.end());
  send_config(now, asked,
              issue_config({.id = asked.network,
                            .network = network.definition,
                            .member = saved.definition,
                            .recipient = asked.member,
                            .controller = vl1_->identity(),
                            .assignment = assignment,
                            .active_bridges = bridges,
                            .understands_rules = understands_rules,
                            .wall_ms = static_cast<std::uint64_t>(now.wall_ms)}),
              out);
}

void Controller::Impl::send_config(Now now, const Asked& asked, const NetworkConfig& config,
                                   Outbox& out) {
  const Bytes dictionary = config.write();
  const Address to = asked.member.address();
  if (to == own_address()) return own_->apply_own_config(now, asked.network, dictionary, out);
  const std::uint64_t update_id = random_.number() | 1;
  for (const Bytes& chunk :
       ConfigChunk::split(asked.network, dictionary, update_id, vl1_->identity())) {
    if (asked.is_push) {
      vl1_->send(now, to, Verb::NetworkConfig, chunk, {}, {.compress = true}, out);
    } else {
      vl1_->send_ok(now, to, Verb::NetworkConfigRequest, asked.id, chunk, {.compress = true}, out);
    }
  }
}

// Only requests are answered; a push that finds its member unauthorised is no news to it yet.
void Controller::Impl::refuse(Now now, const Asked& asked, ErrorCode code, Outbox& out) {
  if (asked.member.address() == own_address()) {
    return own_->deny_own_config(now, asked.network, code, out);
  }
  if (asked.is_push) return;
  Bytes payload;
  Writer writer(payload);
  NetworkError{asked.network, {}}.write(writer);
  vl1_->send_error(now, asked.member.address(), Verb::NetworkConfigRequest, asked.id, code, payload,
                   out);
}

bool Controller::Impl::is_authorized(Now now, NetworkId id, Address member) const {
  // Whoever was served was served from a network that has been read.
  const NetworkEntry* network = records.find_loaded(id);
  if (network == nullptr) return false;
  const auto found = network->members.find(member);
  return found != network->members.end() && now.time - found->second.last_served < kServedMemory;
}

void Controller::Impl::push(Now now, NetworkId id, Address member, Outbox& out) {
  const MemberEntry* entry = records.find(id, member);
  if (entry == nullptr || entry->metadata.empty() || now.time - entry->last_request >= kOnline) {
    return;
  }
  const Identity identity = entry->identity;  // serving replaces the entry's content
  const Bytes metadata = entry->metadata;
  serve(now, {id, identity, metadata, PacketId(), true}, out);
}

// Before the record goes.
void Controller::Impl::keep_in_touch(Now now, NetworkEntry& network, Address member) {
  std::erase_if(network.deleted,
                [&](const auto& entry) { return now.time - entry.second.last_request >= kOnline; });
  if (network.heard.count(member) == 0) return;
  MemberEntry& entry = network.members.at(member);
  MemberEntry& kept = network.deleted[member];
  kept.last_request = entry.last_request;
  kept.metadata = std::move(entry.metadata);
  kept.identity = entry.identity;
}

// When there is a new one.
void Controller::Impl::take_up_again(NetworkEntry& network, Address member) {
  auto before = network.deleted.extract(member);
  if (before.empty()) return;
  MemberEntry& entry = network.members.at(member);
  entry.last_request = before.mapped().last_request;
  entry.metadata = std::move(before.mapped().metadata);
  entry.identity = before.mapped().identity;
  network.heard.insert(member);
}

// Who can be told something now. Forgets those who have not asked for long.
std::vector<Address> Controller::Impl::online_members(Now now, NetworkEntry& network) const {
  std::vector<Address> online;
  std::erase_if(network.heard, [&](Address address) {
    const auto member = network.members.find(address);
    if (member == network.members.end() || now.time - member->second.last_request >= kOnline) {
      return true;
    }
    online.push_back(address);
    return false;
  });
  return online;
}

void Controller::Impl::push_all(Now now, NetworkId id, Outbox& out) {
  NetworkEntry* network = records.find(id);
  if (network == nullptr) return;
  for (const Address address : online_members(now, *network)) push(now, id, address, out);
}

void Controller::Impl::send_credentials(Now now, const std::vector<Address>& to, ByteView payload,
                                        Outbox& out) {
  for (const Address address : to) {
    vl1_->send(now, address, Verb::NetworkCredentials, payload, {}, {}, out);
  }
}

// Told to everybody online, the revoked ones too; the others pass it on.
void Controller::Impl::revoke(Now now, NetworkId id, NetworkEntry& network,
                              const std::vector<Address>& members, Outbox& out) {
  if (members.empty()) return;
  std::vector<Address> online = online_members(now, network);
  std::erase(online, own_address());
  for (std::size_t i = 0; i < members.size(); i += kRevocationsPerPacket) {
    NetworkCredentials packet;
    const std::size_t end = std::min(members.size(), i + kRevocationsPerPacket);
    for (std::size_t k = i; k < end; ++k) {
      packet.revocations.push_back(issue_revocation(id, members[k], vl1_->identity(),
                                                    static_cast<std::uint64_t>(now.wall_ms),
                                                    static_cast<std::uint32_t>(random_.number())));
    }
    Bytes payload;
    Writer writer(payload);
    packet.write(writer);
    own_->accept_own_credentials(now, payload, out);
    send_credentials(now, online, payload, out);
    const Time last = repeats_.empty() ? now.time : repeats_.back().due;
    repeats_.push_back({std::max(last, now.time) + kRepeatRevocation, online, std::move(payload)});
  }
}

void Controller::Impl::on_deadline(Now now, Outbox& out) {
  while (!repeats_.empty() && now.time >= repeats_.front().due) {
    const Repeat repeat = std::move(repeats_.front());
    repeats_.pop_front();
    send_credentials(now, repeat.to, repeat.payload, out);
  }
}

// ---- the face

Controller::Controller(RandomSource& random) : impl_(std::make_unique<Impl>(random)) {}
Controller::~Controller() = default;

void Controller::attach(vl1::Vl1& vl1, vl2::Vl2& own) { impl_->attach(vl1, own); }

void Controller::set_records(const RecordSource& source) { impl_->records.set_source(source); }

std::vector<NetworkId> Controller::networks() const { return impl_->records.ids(); }

Address Controller::address() const { return impl_->own_address(); }

bool Controller::has_network(NetworkId network) const {
  return impl_->records.find(network) != nullptr;
}

NetworkId Controller::unused_network_id() {
  constexpr std::uint64_t kNumbers = 1ULL << 24;
  const std::uint64_t prefix = impl_->own_address().number() << 24;
  const std::uint64_t start = impl_->random().below(kNumbers - 1);
  for (std::uint64_t i = 0; i < kNumbers - 1; ++i) {
    const NetworkId id(prefix | ((start + i) % (kNumbers - 1) + 1));
    if (!impl_->records.contains(id)) return id;
  }
  return NetworkId();
}

std::optional<std::string> Controller::network_json(NetworkId network) const {
  const NetworkEntry* entry = impl_->records.find(network);
  return entry == nullptr ? std::nullopt : std::optional(write_text(entry->record));
}

Result<std::string, std::string> Controller::change_network(Now now, NetworkId network,
                                                            std::string_view json, Outbox& out) {
  const auto changes = parse_object(json);
  if (!changes) return failure(std::string("not a JSON object"));
  if (!network) return failure(std::string("no network ID"));
  const NetworkEntry* entry = impl_->records.find(network);
  Json record = entry == nullptr ? new_network_record(network, now.wall_ms) : entry->record;
  merge_network(record, *changes);
  if (impl_->records.save_network(network, std::move(record), out)) {
    impl_->push_all(now, network, out);
  }
  return *network_json(network);
}

bool Controller::delete_network(Now now, NetworkId network, Outbox& out) {
  NetworkEntry* entry = impl_->records.find(network);
  if (entry == nullptr) return false;
  std::vector<Address> members;
  for (const auto& [address, member] : entry->members) {
    if (member.definition.authorized) members.push_back(address);
  }
  impl_->revoke(now, network, *entry, members, out);
  impl_->records.remove_network(network, out);
  return true;
}

std::vector<Address> Controller::members(NetworkId network) const {
  std::vector<Address> addresses;
  const NetworkEntry* entry = impl_->records.find(network);
  if (entry == nullptr) return addresses;
  for (const auto& [address, member] : entry->members) addresses.push_back(address);
  return addresses;
}

Controller::MemberCount Controller::member_count(NetworkId network) const {
  const NetworkEntry* entry = impl_->records.find(network);
  if (entry == nullptr) return {};
  return {entry->members.size(), entry->members.size() - entry->unauthorized};
}

std::string Controller::member_revisions_json(NetworkId network) const {
  std::string text = "{";
  const NetworkEntry* entry = impl_->records.find(network);
  if (entry == nullptr) return "{}";
  for (const auto& [address, member] : entry->members) {
    text += fmt::format("{}\"{}\":{}", text.size() > 1 ? "," : "", address.text(), member.revision);
  }
  return text + "}";
}

std::optional<std::string> Controller::member_json(NetworkId network, Address member) const {
  const MemberEntry* entry = impl_->records.find(network, member);
  return entry == nullptr ? std::nullopt : std::optional(entry->text);
}

Result<std::string, std::string> Controller::change_member(Now now, NetworkId network,
                                                           Address member, std::string_view json,
                                                           Outbox& out) {
  const auto changes = parse_object(json);
  if (!changes) return failure(std::string("not a JSON object"));
  NetworkEntry* entry = impl_->records.find(network);
  if (entry == nullptr) return failure(std::string("no such network"));
  if (member.is_reserved()) return failure(std::string("no node can have this address"));
  const MemberEntry* known = impl_->records.find(network, member);
  const bool was_authorized = known != nullptr && known->definition.authorized;
  Json record = known == nullptr ? new_member_record(network, member, now.wall_ms)
                                 : Records::record_of(*known);
  merge_member(record, *changes, now.wall_ms);
  if (impl_->records.save_member(network, *entry, member, std::move(record), out)) {
    if (known == nullptr) impl_->take_up_again(*entry, member);
    const bool is_authorized = impl_->records.find(network, member)->definition.authorized;
    if (was_authorized && !is_authorized) {
      log(LogArea::Controller, LogLevel::Info, "net={} peer={} is no longer authorised",
          network.text(), member.text());
      impl_->revoke(now, network, *entry, {member}, out);
    }
    impl_->push(now, network, member, out);
  }
  return *member_json(network, member);
}

bool Controller::delete_member(Now now, NetworkId network, Address member, Outbox& out) {
  NetworkEntry* entry = impl_->records.find(network);
  const MemberEntry* known = impl_->records.find(network, member);
  if (entry == nullptr || known == nullptr) return false;
  if (known->definition.authorized) impl_->revoke(now, network, *entry, {member}, out);
  impl_->keep_in_touch(now, *entry, member);
  impl_->records.remove_member(network, *entry, member, out);
  return true;
}

void Controller::on_config_request(Now now, const Request& request, Outbox& out) {
  impl_->on_request(now, request, out);
}

bool Controller::is_authorized(Now now, NetworkId network, Address member) const {
  return impl_->is_authorized(now, network, member);
}

void Controller::on_deadline(Now now, Outbox& out) { impl_->on_deadline(now, out); }
Time Controller::next_deadline() const { return impl_->next_deadline(); }

}  // namespace ztshim::controller
