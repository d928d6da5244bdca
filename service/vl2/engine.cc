#include "service/vl2/engine.h"

#include <algorithm>
#include <array>

#include "common/log.h"
#include "service/vl1/constants.h"
#include "service/vl2/constants.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/network_config_request.h"
#include "service/wire/messages/ok.h"

namespace ztshim::vl2 {

namespace {

// What we announce (vl2 3.6): the version of the software whose behaviour the notes describe,
// because administrators see it and controllers may judge by it.
Bytes own_metadata() {
  RequestMetadata metadata;
  metadata.protocol = vl1::kProtocolVersion;
  metadata.version = {vl1::kSoftwareMajor, vl1::kSoftwareMinor, vl1::kSoftwareRevision};
  return metadata.write();
}

}  // namespace

Vl2::Engine::Engine(RandomSource& random)
    : random_(random),
      metadata_(own_metadata()),
      credentials_gate_(kGateEntries),
      complaint_gate_(kGateEntries),
      shown_gate_(kGateEntries),
      gate_salt_(random.number()) {}

void Vl2::Engine::attach(vl1::Vl1& vl1, ConfigAuthority* authority) {
  vl1_ = &vl1;
  authority_ = authority;
}

Network* Vl2::Engine::find(NetworkId id) {
  const auto found = networks_.find(id);
  return found == networks_.end() ? nullptr : found->second.get();
}

const Network* Vl2::Engine::find(NetworkId id) const {
  const auto found = networks_.find(id);
  return found == networks_.end() ? nullptr : found->second.get();
}

std::vector<NetworkId> Vl2::Engine::networks() const {
  std::vector<NetworkId> ids;
  for (const auto& [id, network] : networks_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

Counters Vl2::Engine::counters() const {
  Counters total = counters_;
  for (const auto& [id, network] : networks_) total += network->counters;
  return total;
}

bool Vl2::Engine::is_virtual(const IpAddress& ip) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const auto& entry) { return entry.second->is_virtual(ip); });
}

void Vl2::Engine::join(Now now, NetworkId id, ByteView cached, LocalSettings settings,
                       Outbox& out) {
  if (!id || find(id) != nullptr) return;
  const auto added =
      networks_.emplace(id, std::make_unique<Network>(id, own(), std::move(settings)));
  Network& network = *added.first->second;
  log(LogArea::Vl2, LogLevel::Info, "net={} joined", id.text());
  // The file's existence means "join at the next start" (vl2 10.4).
  if (cached.empty()) {
    out.store({StoredKind::NetworkConfig, id.number(), 0, false, Bytes{'\n'}});
  } else {
    use_cached_config(network, cached);
  }
  if (next_like_check_ == kNever) next_like_check_ = now.time + kLikeCheck;
  if (next_housekeeping_ == kNever) next_housekeeping_ = now.time + kHousekeeping;
  arm(std::min(next_like_check_, next_housekeeping_));
  out.event(NetworkChanged{id});
  if (network.config() != nullptr) on_config_changed(now, network, out);
  request_config(now, network, out);
}

void Vl2::Engine::leave(Now, NetworkId id, Outbox& out) {
  const auto left = networks_.find(id);
  if (left == networks_.end()) return;
  counters_ += left->second->counters;
  networks_.erase(left);
  held_.take(id);
  queue_.forget(id);
  refresh_always_contact();
  log(LogArea::Vl2, LogLevel::Info, "net={} left", id.text());
  out.store({StoredKind::NetworkConfig, id.number(), 0, true, {}});
  out.event(NetworkChanged{id});
}

void Vl2::Engine::set_settings(Now now, NetworkId id, LocalSettings settings, Outbox& out) {
  Network* network = find(id);
  if (network == nullptr) return;
  const NetworkInfo before = network->info();
  network->set_settings(std::move(settings));
  announce_new(now, *network, network->refresh_groups(), out);
  if (!(network->info() == before)) out.event(NetworkChanged{id});
}

// False when it has to wait for an identity, or cannot go at all.
bool Vl2::Engine::send(Now now, Address to, Verb verb, ByteView payload, bool compress,
                       Outbox& out) {
  return vl1_->send(now, to, verb, payload, {}, {.compress = compress}, out).has_value();
}

vl1::Verdict Vl2::Engine::on_packet(Now now, const Incoming& packet, Outbox& out) {
  if (next_housekeeping_ == kNever) {  // roots and controllers keep tables without joining anything
    next_housekeeping_ = now.time + kHousekeeping;
    arm(next_housekeeping_);
  }
  switch (packet.verb) {
    case Verb::Frame:
      return on_frame_packet(now, packet, out);
    case Verb::ExtFrame:
      return on_ext_frame(now, packet, out);
    case Verb::MulticastFrame:
      return on_multicast_frame(now, packet, out);
    case Verb::MulticastLike:
      return on_multicast_like(now, packet, out);
    case Verb::MulticastGather:
      return on_multicast_gather(now, packet, out);
    case Verb::NetworkCredentials:
      return on_credentials(now, packet, false, out);
    case Verb::NetworkConfigRequest:
      return on_config_request(now, packet, out);
    case Verb::NetworkConfig:
      return on_config_chunk(now, packet, true, out);
    case Verb::Ok:
      return on_ok(now, packet, out);
    case Verb::Error:
      return on_error(now, packet, out);
    case Verb::Nop:
    case Verb::Hello:
    case Verb::Whois:
    case Verb::Rendezvous:
    case Verb::Echo:
    case Verb::PushDirectPaths:
    case Verb::Ack:
    case Verb::QosMeasurement:
    case Verb::UserMessage:
    case Verb::RemoteTrace:
    case Verb::PathNegotiationRequest:
      break;  // VL1's, or nothing to us
  }
  return Verdict::Done;
}

vl1::Verdict Vl2::Engine::on_ok(Now now, const Incoming& packet, Outbox& out) {
  if (packet.in_re_verb == Verb::NetworkConfigRequest) {
    return on_config_chunk(now, packet, false, out);
  }
  if (packet.in_re_verb == Verb::MulticastGather) {
    const auto ok = OkMulticastGather::parse(packet.payload);
    if (!ok) {
      ++counters_.malformed;
    } else {
      on_gather_results(now, {ok->network, ok->group}, ok->results, out);
    }
  } else if (packet.in_re_verb == Verb::MulticastFrame) {
    const auto ok = OkMulticastFrame::parse(packet.payload);
    if (!ok) {
      ++counters_.malformed;
      return Verdict::Done;
    }
    if (Network* network = find(ok->network); network != nullptr && ok->membership) {
      accept_inline(now, *network, *ok->membership, out);
    }
    if (ok->results) on_gather_results(now, {ok->network, ok->group}, *ok->results, out);
  }
  return Verdict::Done;
}

// ERRORs quote any packet ID they like: each code says who is believed (vl2 3.1).
vl1::Verdict Vl2::Engine::on_error(Now now, const Incoming& packet, Outbox& out) {
  if (packet.error == ErrorCode::UnwantedMulticast) {
    const auto unwanted = UnwantedMulticast::parse(packet.payload);
    if (!unwanted) {
      ++counters_.malformed;
      return Verdict::Done;
    }
    Network* network = find(unwanted->network);
    if (network == nullptr || !gate(now, *network, packet.source, out)) return Verdict::Done;
    subscriptions_.remove({unwanted->network, unwanted->group}, packet.source.address());
    return Verdict::Done;
  }
  const auto error = NetworkError::parse(packet.payload);
  if (!error) {
    ++counters_.malformed;
    return Verdict::Done;
  }
  if (packet.error == ErrorCode::NeedMembershipCertificate) {
    return on_need_credentials(now, error->network, packet.source.address(), out);
  }
  if (packet.source.address() == error->network.controller()) {
    deny(error->network, packet.error, error->authentication, out);
  }
  return Verdict::Done;
}

void Vl2::Engine::on_identity_known(Now now, Address address, Outbox& out) {
  if (!held_.empty()) retry(now, held_.take_for_signer(address), out);
}

void Vl2::Engine::hold(Now now, const Incoming& packet, NetworkId network, Address signer) {
  // An OK or ERROR is never held: it would have to be told apart from a packet of its own.
  held_.hold({packet.source.address(), packet.id, packet.verb, to_bytes(packet.payload),
              packet.arrival, packet.hops, network, signer, now.time});
  if (next_complaint_ != kNever) return;
  next_complaint_ = now.time + kNeedCredentialsEvery;
  arm(next_complaint_);
}

// Packets that waited, as if they came now; whatever would fail the gate again goes on waiting.
void Vl2::Engine::retry(Now now, std::vector<HeldPacket> packets, Outbox& out) {
  for (HeldPacket& held : packets) {
    if (now.time - held.since >= kHoldTime) continue;
    const Identity* source = vl1_->identity_of(held.source);
    if (source == nullptr) continue;
    Network* network = find(held.network);
    if (held.network && (network == nullptr || !network->admits(now.time, *source))) {
      if (network != nullptr) held_.hold(std::move(held));
      continue;
    }
    if (network != nullptr) ++network->counters.late;
    const Identity copy = *source;  // handling may make VL1 forget or move it
    const Incoming packet{.source = copy,
                          .id = held.id,
                          .verb = held.verb,
                          .payload = held.payload,
                          .in_re_verb = Verb::Nop,
                          .in_re_id = {},
                          .error = ErrorCode::None,
                          .arrival = held.arrival,
                          .hops = held.hops};
    if (held.verb == Verb::NetworkCredentials) {
      on_credentials(now, packet, true, out);
    } else {
      on_packet(now, packet, out);
    }
  }
}

void Vl2::Engine::housekeep(Now now) {
  subscriptions_.expire(now.time);
  for (const auto& [id, network] : networks_) {
    network->forget_idle_members(now.time);
    network->expire_bridged_groups(now.time);
  }
}

void Vl2::Engine::on_deadline(Now now, Outbox& out) {
  if (now.time < deadline_) return;
  deadline_ = kNever;
  for (const auto& [id, network] : networks_) {
    if (now.time >= network->next_request) request_config(now, *network, out);
    arm(network->next_request);
  }
  if (now.time >= next_like_check_) {
    next_like_check_ = networks_.empty() ? kNever : now.time + kLikeCheck;
    for (const auto& [id, network] : networks_) announce_due(now, *network, out);
    queue_.expire(now.time);
  }
  if (now.time >= next_housekeeping_) {
    next_housekeeping_ = now.time + kHousekeeping;
    housekeep(now);
  }
  if (now.time >= next_complaint_) complain_again(now, out);
  arm(std::min({next_like_check_, next_housekeeping_, next_complaint_}));
}

// ---- the face

Vl2::Vl2(RandomSource& random) : engine_(std::make_unique<Engine>(random)) {}
Vl2::~Vl2() = default;

void Vl2::attach(vl1::Vl1& vl1, ConfigAuthority* authority) { engine_->attach(vl1, authority); }

void Vl2::join(Now now, NetworkId network, ByteView cached, LocalSettings settings, Outbox& out) {
  engine_->join(now, network, cached, std::move(settings), out);
}
void Vl2::leave(Now now, NetworkId network, Outbox& out) { engine_->leave(now, network, out); }
void Vl2::set_settings(Now now, NetworkId network, LocalSettings settings, Outbox& out) {
  engine_->set_settings(now, network, std::move(settings), out);
}
void Vl2::set_low_bandwidth(bool on) { engine_->set_low_bandwidth(on); }
std::vector<NetworkId> Vl2::networks() const { return engine_->networks(); }
std::optional<NetworkInfo> Vl2::info(NetworkId network) const {
  const Network* found = engine_->find(network);
  return found == nullptr ? std::nullopt : std::optional(found->info());
}
void Vl2::set_host_groups(Now now, NetworkId network, std::vector<MulticastGroup> groups,
                          Outbox& out) {
  engine_->set_host_groups(now, network, std::move(groups), out);
}
void Vl2::on_frame(Now now, NetworkId network, MacAddress destination, MacAddress source,
                   std::uint16_t ether_type, ByteView payload, Outbox& out) {
  engine_->on_frame(now, network, {destination, source, ether_type, payload}, out);
}
vl1::Verdict Vl2::on_packet(Now now, const vl1::Incoming& packet, Outbox& out) {
  return engine_->on_packet(now, packet, out);
}
void Vl2::on_identity_known(Now now, Address address, Outbox& out) {
  engine_->on_identity_known(now, address, out);
}
bool Vl2::is_virtual(const IpAddress& ip) const { return engine_->is_virtual(ip); }
void Vl2::apply_own_config(Now now, NetworkId network, ByteView dictionary, Outbox& out) {
  engine_->apply_own_config(now, network, dictionary, out);
}
void Vl2::deny_own_config(Now, NetworkId network, ErrorCode code, Outbox& out) {
  engine_->deny(network, code, {}, out);
}
void Vl2::accept_own_credentials(Now now, ByteView credentials, Outbox& out) {
  engine_->accept_own_credentials(now, credentials, out);
}
void Vl2::on_deadline(Now now, Outbox& out) { engine_->on_deadline(now, out); }
Time Vl2::next_deadline() const { return engine_->next_deadline(); }
Counters Vl2::counters() const { return engine_->counters(); }
std::optional<Counters> Vl2::counters(NetworkId network) const {
  const Network* found = engine_->find(network);
  return found == nullptr ? std::nullopt : std::optional(found->counters);
}

Counters& Counters::operator+=(const Counters& other) {
  static constexpr std::array kAll{
      &Counters::frames_in,      &Counters::frames_out,       &Counters::not_joined,
      &Counters::no_config,      &Counters::access_denied,    &Counters::no_certificate,
      &Counters::revoked,        &Counters::filtered_in,      &Counters::filtered_out,
      &Counters::not_owned,      &Counters::bad_mac,          &Counters::no_multicast,
      &Counters::malformed,      &Counters::too_big,          &Counters::late,
      &Counters::bad_credential, &Counters::stale_credential, &Counters::rate_limited,
      &Counters::bad_signature,  &Counters::bad_chunk,        &Counters::stale_config};
  static_assert(sizeof(Counters) == kAll.size() * sizeof(std::uint64_t));
  for (const auto field : kAll) this->*field += other.*field;
  return *this;
}

}  // namespace ztshim::vl2
