#include "tests/sim/sim_network.h"

#include <algorithm>

namespace ztshim::sim {

using Fate = Trace::Fate;

// ---- the world

Host& SimNetwork::add_host(const std::string& name, std::vector<Endpoint> sockets) {
  hosts_.push_back(std::make_unique<Host>(name, std::move(sockets)));
  Host& host = *hosts_.back();
  for (std::size_t i = 0; i < host.sockets.size(); ++i) host.ids_.push_back(++host.last_id_);
  bind(host);
  return host;
}

void SimNetwork::bind(Host& host) {
  auto& hosts = lans_[host.nat_].hosts;
  for (std::size_t i = 0; i < host.sockets.size(); ++i) {
    hosts[host.sockets[i]] = {&host, host.ids_[i]};
  }
}

void SimNetwork::unbind(Host& host) {
  auto& hosts = lans_[host.nat_].hosts;
  for (const Endpoint& socket : host.sockets) {
    const auto bound = hosts.find(socket);
    if (bound != hosts.end() && bound->second.first == &host) hosts.erase(bound);
  }
}

void SimNetwork::move(Host& host, std::vector<Endpoint> sockets) {
  unbind(host);
  std::vector<LocalSocket> ids;
  for (const Endpoint& socket : sockets) {
    const auto kept = std::find(host.sockets.begin(), host.sockets.end(), socket);
    const auto index = static_cast<std::size_t>(kept - host.sockets.begin());
    ids.push_back(kept != host.sockets.end() ? host.ids_[index] : ++host.last_id_);
  }
  host.sockets = std::move(sockets);
  host.ids_ = std::move(ids);
  bind(host);
  std::string places;
  for (const Endpoint& socket : host.sockets) places += " " + socket.text();
  trace_.note(time_, host.name + " has sockets" + places);
}

Nat& SimNetwork::add_nat(Nat::Kind kind, IpAddress outside, Nat* behind) {
  nats_.push_back(std::make_unique<Nat>(kind, outside, behind));
  Nat& nat = *nats_.back();
  Lan& outer = lans_[behind];
  outer.inner.push_back(&nat);
  if (outside) outer.boxes[outside] = &nat;
  return nat;
}

void SimNetwork::put_behind(Host& host, Nat* nat) {
  unbind(host);
  host.nat_ = nat;
  bind(host);
}

void SimNetwork::renumber(Nat& nat, IpAddress outside) {
  auto& boxes = lans_[nat.behind()].boxes;
  boxes.erase(nat.outside());
  boxes[outside] = &nat;
  nat.set_outside(outside);
  trace_.note(time_, "a box is now " + outside.text());
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

void SimNetwork::suspend(Host& host, Duration duration, Clock monotonic) {
  trace_.note(time_, host.name + " falls asleep");
  host.asleep_until_ = time_ + duration;
  if (monotonic == Clock::Stops) host.lag_ += duration;
  // Whatever was due meanwhile is looked at on waking up.
  host.armed_ = host.asleep_until_;
  Event event;
  event.when = host.armed_;
  event.host = &host;
  event.life = host.life_;
  push(std::move(event));
}

// ---- datagrams

void SimNetwork::act(Host& host, const std::function<void(Now, Outbox&)>& call) {
  outbox_.clear();
  call(now(host), outbox_);
  flush(host, outbox_);
  host.participant_->on_outbox(outbox_);
  arm(host);
}

void SimNetwork::flush(Host& host, Outbox& out) {
  for (const Outbox::Datagram& datagram : out.datagrams()) {
    for (std::size_t i = 0; i < host.sockets.size(); ++i) {
      const Endpoint& source = host.sockets[i];
      if (datagram.socket != kAnySocket && datagram.socket != host.ids_[i]) continue;
      if (source.ip.family() != datagram.remote.ip.family()) continue;
      transmit(host, source, datagram.remote, out.bytes_of(datagram), datagram.ttl);
    }
  }
}

std::optional<SimNetwork::Target> SimNetwork::find(const Nat* lan, const Endpoint& to) const {
  const auto found = lans_.find(lan);
  if (found == lans_.end()) return std::nullopt;
  const Lan& here = found->second;
  if (const auto host = here.hosts.find(to); host != here.hosts.end()) {
    return Target{host->second.first, host->second.second, nullptr};
  }
  if (const auto box = here.boxes.find(to.ip); box != here.boxes.end()) {
    return Target{nullptr, kAnySocket, box->second};
  }
  for (Nat* box : here.inner) {
    if (!box->translates(to.ip.family()) && find(box, to)) return Target{nullptr, kAnySocket, box};
  }
  return std::nullopt;
}

// Outwards through the boxes, as far as is needed to see the destination.
Fate SimNetwork::leave(Host& from, Event& datagram) {
  Nat* lan = from.nat_;
  const Nat* crossed = nullptr;
  auto target = find(lan, datagram.to);
  while (!target && lan != nullptr) {
    if (--datagram.ttl == 0) return Fate::Expired;
    datagram.from = lan->outbound(datagram.from, datagram.to, time_);
    crossed = lan;
    lan = lan->behind();
    target = find(lan, datagram.to);
  }
  datagram.lan = lan;
  if (filter_ && !filter_(datagram.from, datagram.to, datagram.bytes)) return Fate::Swallowed;
  if (!target) return Fate::NobodyThere;
  if (target->box != nullptr && target->box == crossed && !crossed->hairpin()) {
    return Fate::NoHairpin;
  }
  if (lan != nullptr) return Fate::Sent;
  if (datagram.ttl <= kInternetHops) return Fate::Expired;
  datagram.ttl -= kInternetHops;
  const Link& link = link_from(from, datagram.inside);
  if (link.max_datagram != 0 && datagram.bytes.size() > link.max_datagram) return Fate::TooLarge;
  return happens(link.loss) ? Fate::Lost : Fate::Sent;
}

void SimNetwork::transmit(Host& from, const Endpoint& inside, const Endpoint& to, ByteView bytes,
                          std::uint8_t ttl) {
  Event event;
  event.stage = Stage::Middle;
  event.host = &from;
  event.inside = inside;
  event.from = inside;
  event.to = to;
  event.bytes = to_bytes(bytes);
  event.ttl = ttl == 0 ? kUsualTtl : ttl;
  ++from.sent_.datagrams;
  from.sent_.bytes += bytes.size();
  for (const Observer& observer : observers_) observer(from, to, bytes);
  const Fate fate = leave(from, event);
  if (fate != Fate::Swallowed) trace_.datagram(time_, event.from, to, bytes, fate);
  if (fate != Fate::Sent) return;
  if (event.lan != nullptr) {
    event.stage = Stage::Arrival;
    event.when = time_ + kLanDelay;
    return push(std::move(event));
  }
  const Link& link = link_from(from, inside);
  if (happens(link.duplicates)) {
    Event copy = event;
    copy.when = time_ + way(link) + Duration{1};
    push(std::move(copy));
  }
  event.when = time_ + way(link);
  push(std::move(event));
}

// The datagram is in the middle of the internet: the receiver's half of the way begins.
void SimNetwork::middle(Event event) {
  const Resolved found = resolve(event, Boxes::Transparent);
  const Host* host = found.target.host;
  const auto end = [&](Fate fate) { trace_.ended(time_, event.from, event.to, event.bytes, fate); };
  if (host == nullptr) return end(found.fate);
  const Link& link = link_to(*host, found.inside);
  if (cuts_.contains({event.host, host})) return end(Fate::Cut);
  if (link.max_datagram != 0 && event.bytes.size() > link.max_datagram) return end(Fate::TooLarge);
  if (happens(link.loss)) return end(Fate::Lost);
  event.stage = Stage::Arrival;
  event.when = time_ + way(link);
  push(std::move(event));
}

SimNetwork::Resolved SimNetwork::resolve(const Event& datagram, Boxes boxes) const {
  const Nat* lan = datagram.lan;
  Endpoint to = datagram.to;
  unsigned ttl = datagram.ttl;
  for (;;) {
    const auto target = find(lan, to);
    if (!target) return {{}, Fate::NobodyThere};
    if (target->host != nullptr) return {*target, Fate::Sent, to};
    const Nat& box = *target->box;
    if (--ttl == 0) return {{}, Fate::Expired};
    if (box.translates(to.ip.family())) {
      const auto inside = boxes == Boxes::AsTheyAre ? box.inbound(to.port, datagram.from, time_)
                                                    : box.owner(to.port, time_);
      if (!inside) return {{}, Fate::Refused};
      to = *inside;
    } else if (boxes == Boxes::AsTheyAre && !box.admits(to, datagram.from, time_)) {
      return {{}, Fate::Refused};
    }
    lan = &box;
  }
}

void SimNetwork::arrive(Event& event) {
  const Resolved found = resolve(event, Boxes::AsTheyAre);
  Host* host = found.target.host;
  const auto end = [&](Fate fate) { trace_.ended(time_, event.from, event.to, event.bytes, fate); };
  if (host == nullptr) return end(found.fate);
  if (!host->is_up() || time_ < host->asleep_until_) return end(Fate::Asleep);
  ++host->heard_.datagrams;
  host->heard_.bytes += event.bytes.size();
  const Arrival arrival{found.target.socket, event.from};
  act(*host, [&](Now now, Outbox& out) {
    host->participant_->on_datagram(now, arrival, event.bytes, out);
  });
}

void SimNetwork::inject(const Endpoint& from, const Endpoint& to, ByteView bytes, Duration delay) {
  Event event;
  event.stage = Stage::Arrival;
  event.when = time_ + delay;
  event.from = from;
  event.to = to;
  event.bytes = to_bytes(bytes);
  push(std::move(event));
}

const Link& SimNetwork::link_from(const Host& host, const Endpoint& socket) {
  const auto own = host.links.find(socket);
  return own == host.links.end() ? host.link : own->second;
}

const Link& SimNetwork::link_to(const Host& host, const Endpoint& socket) {
  const auto own = host.links.find(socket);
  if (own != host.links.end()) return own->second;
  return host.link_in ? *host.link_in : host.link;
}

bool SimNetwork::happens(double share) {
  constexpr std::uint64_t kParts = 1'000'000;
  return share > 0 && static_cast<double>(random_.below(kParts)) < share * kParts;
}

Duration SimNetwork::way(const Link& link) {
  if (link.jitter <= Duration{}) return link.delay;
  const auto most = static_cast<std::uint64_t>(link.jitter.count());
  return link.delay + Duration(static_cast<std::int64_t>(random_.below(most + 1)));
}

// ---- the queue

void SimNetwork::push(Event event) {
  if (free_slots_.empty()) {
    free_slots_.push_back(slots_.size());
    slots_.emplace_back();
  }
  const std::size_t slot = free_slots_.back();
  free_slots_.pop_back();
  queue_.push({event.when, ++events_, slot});
  slots_[slot] = std::move(event);
}

SimNetwork::Event SimNetwork::take_first() {
  const std::size_t slot = queue_.top().slot;
  queue_.pop();
  free_slots_.push_back(slot);
  return std::move(slots_[slot]);
}

void SimNetwork::arm(Host& host) {
  const Time due = host.participant_->next_deadline();
  if (due >= kNever) return;
  const Time next = std::max({due + host.lag_, time_, host.asleep_until_});
  if (next >= host.armed_) return;
  host.armed_ = next;
  Event event;
  event.when = next;
  event.host = &host;
  event.life = host.life_;
  push(std::move(event));
}

void SimNetwork::process(Event event) {
  time_ = event.when;
  switch (event.stage) {
    case Stage::Deadline:
      return process_deadline(event);
    case Stage::Middle:
      return middle(std::move(event));
    case Stage::Arrival:
      return arrive(event);
  }
}

void SimNetwork::process_deadline(const Event& event) {
  Host& host = *event.host;
  if (!host.is_up() || event.life != host.life_ || event.when != host.armed_) return;
  ++wake_ups_;
  ++host.wake_ups_;
  host.armed_ = kNever;
  act(host, [&](Now now, Outbox& out) { host.participant_->on_deadline(now, out); });
}

void SimNetwork::run_for(Duration duration) {
  const Time end = time_ + duration;
  while (!queue_.empty() && queue_.top().when <= end) {
    process(take_first());
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
    process(take_first());
  }
  return true;
}

}  // namespace ztshim::sim
