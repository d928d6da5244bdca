#include "tests/sim/sim_network.h"

#include <algorithm>

namespace ztshim::sim {

Host& SimNetwork::add_host(const std::string& name, std::vector<Endpoint> sockets) {
  hosts_.push_back(std::make_unique<Host>(name, std::move(sockets)));
  bind(*hosts_.back());
  return *hosts_.back();
}

void SimNetwork::bind(Host& host) {
  for (std::size_t i = 0; i < host.sockets.size(); ++i) {
    bound_[host.sockets[i]] = {&host, static_cast<LocalSocket>(i + 1)};
  }
}

void SimNetwork::move(Host& host, std::vector<Endpoint> sockets) {
  for (const Endpoint& old : host.sockets) bound_.erase(old);
  host.sockets = std::move(sockets);
  bind(host);
  trace_.note(time_, host.name + " moves to " + host.sockets.at(0).text());
}

void SimNetwork::start(Host& host, std::unique_ptr<Participant> participant) {
  ++host.life_;
  host.armed_ = kNever;
  host.participant_ = std::move(participant);
  trace_.note(time_, host.name + " starts");
  act(host, [&](Now now, Outbox& out) { host.participant_->start(now, out); });
}

void SimNetwork::stop(Host& host) {
  trace_.note(time_, host.name + " stops");
  host.participant_.reset();
}

void SimNetwork::act(Host& host, const std::function<void(Now, Outbox&)>& call) {
  outbox_.clear();
  call(now(), outbox_);
  flush(host, outbox_);
  host.participant_->on_outbox(outbox_);
  arm(host);
}

void SimNetwork::flush(Host& host, Outbox& out) {
  for (const Outbox::Datagram& datagram : out.datagrams()) {
    for (std::size_t i = 0; i < host.sockets.size(); ++i) {
      const Endpoint& source = host.sockets[i];
      if (datagram.socket != kAnySocket && datagram.socket != i + 1) continue;
      if (source.ip.family() != datagram.remote.ip.family()) continue;
      transmit(host, source, datagram.remote, out.bytes_of(datagram), datagram.ttl);
    }
  }
}

void SimNetwork::transmit(const Host& from, const Endpoint& inside, const Endpoint& to,
                          ByteView bytes, std::uint8_t ttl) {
  const auto target = bound_.find(to);
  const Host* receiver = target == bound_.end() ? nullptr : target->second.first;
  const bool is_near = receiver != nullptr && receiver->nat == from.nat;
  if (receiver != nullptr && receiver->nat != nullptr && !is_near) receiver = nullptr;
  Endpoint source = inside;
  if (from.nat != nullptr && !is_near) source = from.nat->outbound(inside, to, time_);
  if (filter_ && !filter_(source, to, bytes)) return;

  const bool somebody = receiver != nullptr || nat_at(to.ip) != nullptr;
  const Link& other = receiver == nullptr ? from.link : receiver->link;
  const double loss = 1 - (1 - from.link.loss) * (1 - other.loss);
  constexpr std::uint64_t kParts = 1'000'000;
  const bool unlucky = static_cast<double>(random_.below(kParts)) < loss * kParts;
  const bool lost = unlucky || ttl != 0;  // a small TTL ends on the way, as it is meant to
  trace_.datagram(time_, source, to, bytes,
                  !somebody ? Trace::Fate::NobodyThere
                  : lost    ? Trace::Fate::Lost
                            : Trace::Fate::Sent);
  if (!somebody || lost) return;
  Duration delay = from.link.delay + other.delay;
  const Duration jitter = from.link.jitter + other.jitter;
  if (jitter > Duration{}) {
    delay += Duration(
        static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(jitter.count()) + 1)));
  }
  inject(source, to, bytes, delay);
}

Nat& SimNetwork::add_nat(Nat::Kind kind, IpAddress outside) {
  nats_.push_back(std::make_unique<Nat>(kind, outside));
  return *nats_.back();
}

Nat* SimNetwork::nat_at(const IpAddress& outside) const {
  for (const auto& nat : nats_) {
    if (nat->outside() == outside) return nat.get();
  }
  return nullptr;
}

void SimNetwork::inject(const Endpoint& from, const Endpoint& to, ByteView bytes, Duration delay) {
  Event event;
  event.when = time_ + delay;
  event.from = from;
  event.to = to;
  event.bytes = to_bytes(bytes);
  push(std::move(event));
}

void SimNetwork::push(Event event) {
  event.number = ++events_;
  queue_.push(std::move(event));
}

void SimNetwork::arm(Host& host) {
  const Time next = std::max(host.participant_->next_deadline(), time_);
  if (next >= kNever || next >= host.armed_) return;
  host.armed_ = next;
  Event event;
  event.when = next;
  event.deadline_of = &host;
  event.life = host.life_;
  push(std::move(event));
}

void SimNetwork::process(Event event) {
  time_ = event.when;
  if (event.deadline_of == nullptr) return deliver(event);
  Host& host = *event.deadline_of;
  if (!host.is_up() || event.life != host.life_ || event.when != host.armed_) return;
  ++wake_ups_;
  host.armed_ = kNever;
  act(host, [&](Now now, Outbox& out) { host.participant_->on_deadline(now, out); });
}

void SimNetwork::deliver(Event& event) {
  if (const Nat* nat = nat_at(event.to.ip)) {
    const auto inside = nat->inbound(event.to.port, event.from, time_);
    if (!inside) return;
    event.to = *inside;
  }
  const auto target = bound_.find(event.to);
  if (target == bound_.end() || !target->second.first->is_up()) return;
  Host& host = *target->second.first;
  const Arrival arrival{target->second.second, event.from};
  act(host, [&](Now now, Outbox& out) {
    host.participant_->on_datagram(now, arrival, event.bytes, out);
  });
}

void SimNetwork::run_for(Duration duration) {
  const Time end = time_ + duration;
  while (!queue_.empty() && queue_.top().when <= end) {
    Event event = queue_.top();
    queue_.pop();
    process(std::move(event));
  }
  time_ = end;
}

bool SimNetwork::run_until(const std::function<bool()>& condition, Duration limit) {
  const Time end = time_ + limit;
  while (!condition()) {
    if (queue_.empty() || queue_.top().when > end) {
      time_ = end;
      return false;
    }
    Event event = queue_.top();
    queue_.pop();
    process(std::move(event));
  }
  return true;
}

}  // namespace ztshim::sim
