// From the virtual interface to other nodes: who gets a frame, whether the rules allow it, in which
// verb it travels. Notes: vl2 7.7, 8.1, 8.3, 8.4.
#include <algorithm>

#include "service/vl2/constants.h"
#include "service/vl2/engine.h"
#include "service/vl2/neighbours.h"

namespace ztshim::vl2 {

namespace {
// What is left of the largest packet behind the longest head (MULTICAST_FRAME, vl2 3.9).
constexpr std::size_t kMaxSendablePayload = kMaxSendablePacketSize - kPacketHeaderSize - 31;
}  // namespace

void Vl2::Engine::on_frame(Now now, NetworkId id, const EthernetFrame& frame, Outbox& out) {
  Network* network = find(id);
  if (network == nullptr) {
    ++counters_.not_joined;
    return;
  }
  if (network->config() == nullptr) {
    ++network->counters.no_config;
    return;
  }
  if (network->is_shut_out()) {
    ++network->counters.access_denied;
    return;
  }
  if (frame.payload.size() > kMaxSendablePayload) {
    ++network->counters.too_big;
    return;
  }
  if (frame.source != network->mac() && !network->is_active_bridge()) {
    ++network->counters.bad_mac;
    return;
  }
  if (frame.destination.is_multicast()) return send_multicast(now, *network, frame, out);
  if (frame.destination == network->mac()) return deliver(*network, frame, out);
  if (frame.destination.is_member_of(id)) return send_unicast(now, *network, frame, out);
  send_bridged(now, *network, frame, out);
}

FilterDecision Vl2::Engine::filter_out(Network& network, const EthernetFrame& frame,
                                       Address destination) {
  const Member* member = destination ? network.find(destination) : nullptr;
  return filter({.inbound = false,
                 .own = own(),
                 .source = own(),
                 .destination = destination,
                 .frame = frame,
                 .config = *network.config(),
                 .remote = member ? &member->credentials : nullptr,
                 .random = random_});
}

void Vl2::Engine::send_ext_frame(Now now, Network& network, const EthernetFrame& frame,
                                 ByteView payload, Address to, std::uint8_t flags, bool compress,
                                 Outbox& out) {
  const ByteView head = write(ExtFrame{
      network.id(), flags, std::nullopt, frame.destination, frame.source, frame.ether_type, {}});
  vl1_->send(now, to, Verb::ExtFrame, head, payload, {.compress = compress}, out);
}

// TEE, WATCH and REDIRECT. These targets get no credentials first (vl2 6.5).
void Vl2::Engine::send_copies(Now now, Network& network, const EthernetFrame& frame,
                              const FilterDecision& decision, bool inbound, bool with_copies,
                              Outbox& out) {
  if (decision.verdict == FilterDecision::Verdict::Drop) return;
  for (std::size_t i = 0; with_copies && i < decision.copy_count; ++i) {
    const RuleCopy& copy = decision.copies[i];
    send_ext_frame(now, network, frame, frame.payload.first(copy.length), copy.target,
                   copy_flags(inbound, copy.watch), true, out);
  }
  if (decision.verdict == FilterDecision::Verdict::Redirect) {
    send_ext_frame(now, network, frame, frame.payload, decision.redirect_to,
                   redirect_flags(inbound), true, out);
  }
}

void Vl2::Engine::send_unicast(Now now, Network& network, const EthernetFrame& frame, Outbox& out) {
  const Address to = frame.destination.member_of(network.id());
  if (to.is_reserved()) {
    ++network.counters.bad_mac;
    return;
  }
  if (is_cut_off(now, network, to, out)) {
    ++network.counters.revoked;
    return;
  }
  const FilterDecision decision = filter_out(network, frame, to);
  count_refused(decision, network.counters, false);
  send_copies(now, network, frame, decision, false, true, out);
  if (!decision.passes()) return;
  push_credentials_if_needed(now, network, to, out);
  ++network.counters.frames_out;
  if (frame.source != network.mac()) {
    send_ext_frame(now, network, frame, frame.payload, to, ExtFrame::kNormal, false, out);
    return;
  }
  const ByteView head = write(Frame{network.id(), frame.ether_type, {}});
  vl1_->send(now, to, Verb::Frame, head, frame.payload, {}, out);
}

// A host behind a bridge: the one it was last heard from, else all of them.
void Vl2::Engine::send_bridged(Now now, Network& network, const EthernetFrame& frame, Outbox& out) {
  const FilterDecision first = filter_out(network, frame, Address());
  count_refused(first, network.counters, false);
  send_copies(now, network, frame, first, false, true, out);
  if (!first.passes()) return;

  std::vector<Address> bridges;
  const Address learned = network.bridge_of(frame.destination);
  if (learned && learned != own() && network.is_active_bridge(learned)) {
    bridges.push_back(learned);
  } else {
    for (const Specialist& specialist : network.config()->specialists) {
      if (specialist.is_active_bridge() && specialist.address() != own()) {
        bridges.push_back(specialist.address());
      }
    }
    shuffle(bridges);
    if (bridges.size() > kBridgeSpam) bridges.resize(kBridgeSpam);
  }
  for (const Address bridge : bridges) {
    const FilterDecision decision = filter_out(network, frame, bridge);
    send_copies(now, network, frame, decision, false, false, out);
    if (!decision.passes()) continue;
    ++network.counters.frames_out;
    send_ext_frame(now, network, frame, frame.payload, bridge, ExtFrame::kNormal, false, out);
  }
}

void Vl2::Engine::send_multicast(Now now, Network& network, const EthernetFrame& frame,
                                 Outbox& out) {
  const NetworkConfig& config = *network.config();
  MulticastGroup group{frame.destination, 0};
  if (frame.destination.is_broadcast()) {
    if (const auto arp = arp_request_group(frame)) {
      group = *arp;  // address resolution works without broadcast, too
    } else if (!config.has_broadcast()) {
      ++network.counters.no_multicast;
      return;
    }
  } else {
    EmulatedAdvertisement answer;
    if (emulate_neighbour(config, own(), frame, answer)) return deliver(network, answer.frame, out);
  }
  if (config.multicast_limit == 0) {
    ++network.counters.no_multicast;
    return;
  }
  const bool bridged = frame.source != network.mac();
  if (bridged) {
    announce_new(now, network, network.learn_bridged_group(now.time, group), out);
  }
  const FilterDecision decision = filter_out(network, frame, Address());
  count_refused(decision, network.counters, false);
  send_copies(now, network, frame, decision, false, true, out);
  if (!decision.passes()) return;
  ++network.counters.frames_out;
  spread(now, network, {{network.id(), group}, frame, bridged, Address()}, out);
}

}  // namespace ztshim::vl2
