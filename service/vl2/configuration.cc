// Asking the controller for our configuration, and taking its answers. Notes:
// vl2 3.6, 3.7, 4.4, 10.
#include <algorithm>

#include "common/log.h"
#include "service/vl2/ad_hoc.h"
#include "service/vl2/constants.h"
#include "service/vl2/engine.h"
#include "service/wire/dictionary.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/network_config_request.h"

namespace ztshim::vl2 {

void Vl2::Engine::request_config(Now now, Network& network, Outbox& out) {
  network.next_request = now.time + (low_bandwidth_ ? kSlowConfigCheck : kConfigCheck);
  if (network.id().is_ad_hoc()) return synthesize_config(now, network, out);
  if (now.time - network.last_request < kRequestSpacing) {
    network.next_request = network.last_request + kRequestSpacing;
    return arm(network.next_request);
  }
  network.last_request = now.time;
  arm(network.next_request);
  if (network.controller().is_reserved()) {
    return set_failure(network, NetworkStatus::NotFound, out);
  }
  if (network.controller() == own()) {
    if (authority_ == nullptr) return set_failure(network, NetworkStatus::NotFound, out);
    return authority_->on_config_request(
        now, {network.id(), vl1_->identity(), PacketId(), metadata_, std::nullopt}, out);
  }
  NetworkConfigRequest request;
  request.network = network.id();
  request.metadata = metadata_;
  if (const NetworkConfig* held = network.config()) {
    request.revision_held = held->revision;
    request.timestamp_held = held->timestamp;
  }
  send(now, network.controller(), Verb::NetworkConfigRequest, write(request), true, out);
}

void Vl2::Engine::synthesize_config(Now now, Network& network, Outbox& out) {
  network.next_request = now.time + kConfigRefresh;
  arm(network.next_request);
  auto config = ad_hoc_config(network.id(), own(), static_cast<std::uint64_t>(now.wall_ms));
  if (!config) {
    if (config.error() == AdHocError::BadRange) set_failure(network, NetworkStatus::NotFound, out);
    return;
  }
  const NetworkInfo before = network.info();
  if (network.apply(now.time, std::move(*config), true) == Network::Applied::Replaced) {
    if (!(network.info() == before)) out.event(NetworkChanged{network.id()});
    on_config_changed(now, network, out);
  }
}

// From disk: used as it is until the controller says otherwise.
void Vl2::Engine::use_cached_config(Network& network, ByteView cached) {
  if (network.id().is_ad_hoc()) return;
  auto config = NetworkConfig::parse(cached);
  if (config) network.apply(kLongAgo, std::move(*config), true);
}

bool Vl2::Engine::apply_config(Now now, Network& network, ByteView dictionary, bool from_controller,
                               Outbox& out) {
  auto config = NetworkConfig::parse(dictionary);
  if (!config) {
    ++network.counters.malformed;
    log(LogArea::Vl2, LogLevel::Warn, "net={} configuration refused: {}", network.id().text(),
        name_of(config.error()));
    return false;
  }
  const NetworkInfo before = network.info();
  const Network::Applied applied = network.apply(now.time, std::move(*config), from_controller);
  switch (applied) {
    case Network::Applied::Foreign:
    case Network::Applied::Stale:
      ++(applied == Network::Applied::Stale ? network.counters.stale_config
                                            : network.counters.bad_chunk);
      log(LogArea::Vl2, LogLevel::Warn, "net={} configuration refused: {}", network.id().text(),
          applied == Network::Applied::Stale ? "older than the one held" : "issued for another");
      return false;
    case Network::Applied::Same:
    case Network::Applied::Replaced:
      break;
  }
  network.next_request = now.time + (low_bandwidth_ ? kSlowConfigRefresh : kConfigRefresh);
  arm(network.next_request);
  const NetworkInfo after = network.info();
  if (!(after == before)) {
    if (after.status != before.status) {
      log(LogArea::Vl2, LogLevel::Info, "net={} status={} name={} addresses={}",
          network.id().text(), name_of(after.status), after.name, after.addresses.size());
    }
    out.event(NetworkChanged{network.id()});
  }
  if (applied == Network::Applied::Replaced) {
    out.store({StoredKind::NetworkConfig, network.id().number(), 0, false, to_bytes(dictionary)});
    on_config_changed(now, network, out);
  }
  return true;
}

// Everything that follows from a configuration; also for one from disk.
void Vl2::Engine::on_config_changed(Now now, Network& network, Outbox& out) {
  refresh_always_contact();
  announce_new(now, network, network.refresh_groups(), out);
  retry(now, held_.take(network.id()), out);
}

void Vl2::Engine::refresh_always_contact() {
  std::vector<Address> addresses;
  for (const auto& [id, network] : networks_) {
    if (network->config() == nullptr) continue;
    for (const Specialist& specialist : network->config()->specialists) {
      if ((specialist.is_anchor() || specialist.is_multicast_replicator()) &&
          specialist.address() != own()) {
        addresses.push_back(specialist.address());
      }
    }
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  vl1_->set_always_contact(std::move(addresses));
}

void Vl2::Engine::apply_own_config(Now now, NetworkId id, ByteView dictionary, Outbox& out) {
  if (Network* network = find(id)) apply_config(now, *network, dictionary, true, out);
}

void Vl2::Engine::set_failure(Network& network, NetworkStatus why, Outbox& out) {
  if (network.status() == why) return;
  network.fail(why);
  log(LogArea::Vl2, LogLevel::Warn, "net={} status={}: {}", network.id().text(), name_of(why),
      network.info().reason);
  out.event(NetworkChanged{network.id()});
}

namespace {

// Where to log in, if the controller says so: the page of version 0 or the issuer of version 1
// (vl2 3.6). Logging in is the user's business.
std::string login_page(ByteView dictionary) {
  const Dictionary answer = Dictionary::parse(dictionary);
  return answer.get_text(answer.get_number("aV") == 1 ? "iU" : "aU");
}

}  // namespace

void Vl2::Engine::deny(NetworkId id, ErrorCode code, ByteView authentication, Outbox& out) {
  Network* network = find(id);
  if (network == nullptr) return;
  if (code == ErrorCode::ObjectNotFound || code == ErrorCode::UnsupportedOperation) {
    set_failure(*network, NetworkStatus::NotFound, out);
  } else if (code == ErrorCode::NetworkAccessDenied) {
    set_failure(*network, NetworkStatus::AccessDenied, out);
  } else if (code == ErrorCode::NetworkAuthenticationRequired) {
    network->authentication_url = login_page(authentication);
    set_failure(*network, NetworkStatus::AuthenticationRequired, out);
  }
}

vl1::Verdict Vl2::Engine::on_config_request(Now now, const Incoming& packet, Outbox& out) {
  const auto request = NetworkConfigRequest::parse(packet.payload);
  if (!request) {
    ++counters_.malformed;
    return Verdict::Done;
  }
  if (authority_ == nullptr) {
    vl1_->reply_error(now, packet, ErrorCode::UnsupportedOperation,
                      write(NetworkError{request->network, {}}), out);
    return Verdict::Done;
  }
  authority_->on_config_request(
      now,
      {request->network, packet.source, packet.id, request->metadata,
       packet.hops == 0 ? std::optional(packet.arrival.remote) : std::nullopt},
      out);
  return Verdict::Done;
}

vl1::Verdict Vl2::Engine::on_config_chunk(Now now, const Incoming& packet, bool pushed,
                                          Outbox& out) {
  const auto chunk = ConfigChunk::parse(packet.payload);
  if (!chunk) {
    ++counters_.malformed;
    return Verdict::Done;
  }
  Network* network = find(chunk->network);
  if (network == nullptr) {
    ++counters_.not_joined;
    return Verdict::Done;
  }
  const Address controller = network->controller();
  const bool from_controller = packet.source.address() == controller;
  if (!chunk->signature) {  // the old form: complete, and only by the controller's own hand
    if (pushed || !from_controller) {
      ++network->counters.bad_chunk;
    } else {
      apply_config(now, *network, chunk->data, true, out);
    }
    return Verdict::Done;
  }
  if (network->assembly.knows(*chunk)) return Verdict::Done;
  const Identity* signer = from_controller ? &packet.source : vl1_->identity_of(controller);
  if (signer == nullptr) {
    vl1_->request_identity(now, controller, out);
    if (pushed) hold(now, packet, NetworkId(), controller);
    return Verdict::Done;
  }
  if (!chunk->verify(*signer)) {
    ++network->counters.bad_signature;
    return Verdict::Done;
  }
  if (chunk->is_fast() && network->may_pass_on(now.time)) {
    for (const auto& [address, member] : network->members()) {
      if (address == packet.source.address() || address == controller) continue;
      send(now, address, Verb::NetworkConfig, chunk->whole, true, out);
    }
  }
  const std::optional<Bytes> dictionary = network->assembly.add(*chunk);
  if (!dictionary) return Verdict::Done;
  apply_config(now, *network, *dictionary, from_controller, out);
  if (pushed) {  // acknowledged even if it was refused, and in re ECHO (vl2 3.7)
    vl1_->reply_ok(now, packet, Verb::Echo,
                   write(ConfigAcknowledgement{chunk->network, chunk->update_id}), {}, out);
  }
  return Verdict::Done;
}

}  // namespace ztshim::vl2
