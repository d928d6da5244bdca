// From other nodes to the virtual interface: membership first, then addresses, then the rules.
// Whatever is refused raises one counter. Notes: vl2 7.8, 8.2, 8.6.
#include "service/vl2/constants.h"
#include "service/vl2/engine.h"

namespace ztshim::vl2 {

void Vl2::Engine::deliver(Network& network, const EthernetFrame& frame, Outbox& out) {
  ++network.counters.frames_in;
  out.frame(network.id(), frame.destination, frame.source, frame.ether_type, frame.payload);
}

FilterDecision Vl2::Engine::filter_in(Now now, Network& network, const EthernetFrame& frame,
                                      Address source, Outbox& out) {
  const Member* member = network.find(source);
  const FilterDecision decision = filter({.inbound = true,
                                          .own = own(),
                                          .source = source,
                                          .destination = own(),
                                          .frame = frame,
                                          .config = *network.config(),
                                          .remote = member ? &member->credentials : nullptr,
                                          .random = random_});
  send_copies(now, network, frame, decision, true, true, out);
  count_refused(decision, network.counters, true);
  return decision;
}

vl1::Verdict Vl2::Engine::on_frame_packet(Now now, const Incoming& packet, Outbox& out) {
  const auto message = Frame::parse(packet.payload);
  if (!message) {
    ++counters_.malformed;
    return Verdict::Done;
  }
  Network* network = find(message->network);
  if (network == nullptr) {
    ++counters_.not_joined;
    return Verdict::Done;
  }
  if (!let_in(now, packet, *network, out)) return Verdict::Done;
  if (message->data.empty() || message->data.size() > kMaxFramePayload) {
    ++network->counters.malformed;
    return Verdict::Trusted;
  }
  const Address source = packet.source.address();
  const EthernetFrame frame{network->mac(), MacAddress::of_member(source, network->id()),
                            message->ether_type, message->data};
  if (filter_in(now, *network, frame, source, out).passes()) deliver(*network, frame, out);
  return Verdict::Trusted;
}

// May this member send from, and to, these addresses? (The table of vl2 8.2; a frame meant for our
// eyes by the rules is not asked.)
bool Vl2::Engine::admit_addresses(Network& network, const EthernetFrame& frame, Address source) {
  if (frame.source != MacAddress::of_member(source, network.id())) {
    if (!network.is_active_bridge(source)) return false;
    network.learn_route(frame.source, source);
    return true;
  }
  if (frame.destination == network.mac()) return true;
  if (frame.destination.is_multicast()) return network.config()->multicast_limit > 0;
  return network.is_active_bridge();
}

vl1::Verdict Vl2::Engine::on_ext_frame(Now now, const Incoming& packet, Outbox& out) {
  const auto message = ExtFrame::parse(packet.payload);
  if (!message) {
    ++counters_.malformed;
    return Verdict::Done;
  }
  Network* network = find(message->network);
  if (network == nullptr) {
    ++counters_.not_joined;
    return Verdict::Done;
  }
  if (message->membership) accept_inline(now, *network, *message->membership, out);
  if (!let_in(now, packet, *network, out)) return Verdict::Done;
  const Address source = packet.source.address();
  const EthernetFrame frame{message->destination, message->source, message->ether_type,
                            message->data};
  if (frame.payload.empty() || frame.payload.size() > kMaxFramePayload) {
    ++network->counters.malformed;
  } else if (!frame.source || frame.source == network->mac()) {
    ++network->counters.bad_mac;
    return Verdict::Trusted;
  } else {
    const FilterDecision decision = filter_in(now, *network, frame, source, out);
    if (decision.verdict == FilterDecision::Verdict::SuperAccept) {
      deliver(*network, frame, out);
    } else if (decision.passes()) {
      if (!admit_addresses(*network, frame, source)) {
        ++network->counters.bad_mac;
        return Verdict::Trusted;
      }
      deliver(*network, frame, out);
    }
  }
  if (message->wants_acknowledgement()) {
    vl1_->reply_ok(now, packet, Verb::ExtFrame, write(OkExtFrame{network->id()}), {}, out);
  }
  return Verdict::Trusted;
}

vl1::Verdict Vl2::Engine::on_multicast_frame(Now now, const Incoming& packet, Outbox& out) {
  const auto message = MulticastFrame::parse(packet.payload);
  if (!message) {
    ++counters_.malformed;
    return Verdict::Done;
  }
  Network* network = find(message->network);
  if (network == nullptr) {
    ++counters_.not_joined;
    return Verdict::Done;
  }
  if (message->membership) accept_inline(now, *network, *message->membership, out);
  if (!let_in(now, packet, *network, out)) return Verdict::Done;
  const NetworkConfig& config = *network->config();
  const Address sender = packet.source.address();
  const MacAddress senders_mac = MacAddress::of_member(sender, network->id());
  const EthernetFrame frame{message->group.mac, message->source.value_or(senders_mac),
                            message->ether_type, message->data};
  const GroupKey key{network->id(), message->group};
  if (config.multicast_limit == 0) {
    ++network->counters.no_multicast;
    return Verdict::Trusted;
  }
  if (frame.payload.empty() || frame.payload.size() > kMaxFramePayload) {
    ++network->counters.malformed;
  } else {
    if (!frame.destination.is_multicast() || !frame.source || frame.source.is_multicast() ||
        frame.source == network->mac()) {
      ++network->counters.bad_mac;
      return Verdict::Trusted;
    }
    const bool we_replicate =
        message->replicate &&
        std::any_of(config.specialists.begin(), config.specialists.end(), [this](const auto& s) {
          return s.is_multicast_replicator() && s.address() == own();
        });
    if (we_replicate) spread(now, *network, {key, frame, true, sender}, out);
    if (frame.source != senders_mac) {
      if (!network->is_active_bridge(sender)) {
        ++network->counters.bad_mac;
        return Verdict::Trusted;
      }
      network->learn_route(frame.source, sender);
    }
    if (filter_in(now, *network, frame, sender, out).passes()) deliver(*network, frame, out);
  }
  if (message->gather_limit.value_or(0) > 0) {
    OkMulticastFrame answer;
    answer.network = key.network;
    answer.group = key.group;
    answer.results.emplace();
    if (collect(key, *message->gather_limit, sender, *answer.results)) {
      vl1_->reply_ok(now, packet, Verb::MulticastFrame, write(answer), {}, out);
    }
  }
  return Verdict::Trusted;
}

}  // namespace ztshim::vl2
