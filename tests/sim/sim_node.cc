#include "tests/sim/sim_node.h"

#include <algorithm>

#include "service/vl1/peer_cache.h"

namespace ztshim::sim {

vl1::Verdict TextLayer::on_packet(Now, const vl1::Incoming& packet, Outbox&) {
  if (packet.verb != Verb::Frame) return vl1::Verdict::Done;
  received.emplace_back(packet.source.address(), std::string(as_text(packet.payload)));
  return trusting ? vl1::Verdict::Trusted : vl1::Verdict::Done;
}

void TextLayer::on_identity_known(Now, Address address, Outbox&) { learned.push_back(address); }

bool TextLayer::is_virtual(const IpAddress& ip) const {
  const IpAddress net = IpAddress::v4(0x0a930000);  // 10.147/16
  return ip.is_v4() && (ip.v4_number() & 0xffff0000) == net.v4_number();
}

// The node's process: gone when it is stopped.
class SimNode::Runner final : public Participant {
 public:
  Runner(SimNode& node, vl1::Config config, std::uint64_t seed)
      : node_(node), random_(seed), vl1_(std::move(config), random_, *node.upper_) {}

  void start(Now now, Outbox& out) override {
    vl1_.set_sockets(now, node_.bound_sockets(), out);
    vl1_.start(now, out);
  }
  void on_datagram(Now now, const Arrival& arrival, MutableBytes datagram, Outbox& out) override {
    vl1_.on_datagram(now, arrival, datagram, out);
  }
  void on_deadline(Now now, Outbox& out) override { vl1_.on_deadline(now, out); }
  Time next_deadline() const override { return vl1_.next_deadline(); }
  void on_outbox(const Outbox& out) override {
    for (const StoredObject& object : out.stored()) {
      node_.stored_.push_back(object);
      if (object.kind != StoredKind::Peer) continue;
      std::erase_if(node_.cache_, [&](const auto& entry) { return entry.first == object.key; });
      node_.cache_.emplace_back(object.key, object.content);
    }
    node_.events_.insert(node_.events_.end(), out.events().begin(), out.events().end());
  }
  vl1::Vl1& vl1() { return vl1_; }

 private:
  SimNode& node_;
  SeededRandom random_;
  vl1::Vl1 vl1_;
};

SimNode::SimNode(SimNetwork& net, const std::string& name, Identity identity, Settings settings)
    : net_(net),
      identity_(std::move(identity)),
      settings_(std::move(settings)),
      host_(net.add_host(name, settings_.sockets)) {
  net.trace().introduce(name, identity_);
}

void SimNode::start() {
  upper_ = std::make_unique<TextLayer>();
  vl1::Config config;
  config.identity = identity_;
  config.planet = settings_.planet;
  config.moons = settings_.moons;
  config.settings = settings_.local_conf;
  config.classic_fragments = settings_.classic_fragments;
  for (const auto& [address, content] : cache_) config.cached_peers.push_back(content);
  auto runner = std::make_unique<Runner>(*this, std::move(config), net_.random().number());
  runner_ = runner.get();
  net_.start(host_, std::move(runner));
}

void SimNode::stop() {
  net_.stop(host_);
  runner_ = nullptr;
}

void SimNode::remember(const Identity& peer, unsigned protocol,
                       const std::vector<Endpoint>& addresses) {
  vl1::CachedPeer cached{peer, protocol, {1, 14, 1}, addresses};
  cache_.emplace_back(peer.address().number(), cached.bytes());
}

void SimNode::save_peers() {
  net_.act(host_, [&](Now, Outbox& out) { vl1().store_peers(out); });
}

void SimNode::changed_sockets() {
  net_.act(host_, [&](Now now, Outbox& out) { vl1().set_sockets(now, bound_sockets(), out); });
}

std::vector<vl1::BoundSocket> SimNode::bound_sockets() const {
  std::vector<vl1::BoundSocket> all;
  for (std::size_t i = 0; i < host_.sockets.size(); ++i) {
    all.push_back({host_.socket_ids()[i], {host_.sockets[i]}});
  }
  return all;
}

void SimNode::resume() {
  net_.act(host_, [&](Now now, Outbox& out) { vl1().on_resume(now, out); });
}

void SimNode::send(const SimNode& to, const std::string& text) {
  net_.act(host_, [&](Now now, Outbox& out) {
    vl1().send(now, to.address(), Verb::Frame, {}, as_bytes(text), {}, out);
  });
}

std::vector<std::string> SimNode::texts() const {
  std::vector<std::string> all;
  for (const auto& [from, text] : upper_->received) all.push_back(text);
  return all;
}

std::vector<std::string> SimNode::texts_from(const SimNode& sender) const {
  std::vector<std::string> all;
  for (const auto& [from, text] : upper_->received) {
    if (from == sender.address()) all.push_back(text);
  }
  return all;
}

Via SimNode::path_to(const SimNode& other) const {
  const Time now = this->now().time;
  if (vl1().is_reachable(now, other.address())) return Via::Direct;
  const Address root = vl1().best_root(now);
  return root && vl1().is_reachable(now, root) ? Via::Relay : Via::Nothing;
}

std::optional<vl1::PathInfo> SimNode::preferred_path(const SimNode& other) const {
  for (const vl1::PeerInfo& peer : vl1().peers(now().time)) {
    if (peer.address != other.address()) continue;
    for (const vl1::PathInfo& path : peer.paths) {
      if (path.preferred) return path;
    }
  }
  return std::nullopt;
}

std::vector<Endpoint> SimNode::paths(const SimNode& other) const {
  std::vector<Endpoint> all;
  for (const vl1::PeerInfo& peer : vl1().peers(now().time)) {
    if (peer.address != other.address()) continue;
    for (const vl1::PathInfo& path : peer.paths) all.push_back(path.remote);
  }
  return all;
}

vl1::Vl1& SimNode::vl1() { return runner_->vl1(); }
const vl1::Vl1& SimNode::vl1() const { return runner_->vl1(); }

SimWorld::SimWorld(std::uint64_t seed, unsigned roots, Families families) : net(seed) {
  std::vector<std::pair<Identity, std::vector<Endpoint>>> listed;
  for (unsigned n = 0; n < roots; ++n) {
    listed.push_back({identity(n), {address_of(n)}});
    if (families == Families::Both) listed.back().second.push_back(address6_of(n));
  }
  planet = planet_of(listed);
  for (unsigned n = 0; n < roots; ++n) {
    SimNode::Settings settings;
    settings.sockets = listed[n].second;
    settings.planet = planet;
    const std::string name = roots == 1 ? "root" : "root" + std::to_string(n + 1);
    roots_.push_back(std::make_unique<SimNode>(net, name, listed[n].first, settings));
    roots_.back()->start();
  }
  identities_used_ = roots;
}

SimNode& SimWorld::add_node(const std::string& name) {
  SimNode::Settings settings;
  settings.sockets = {address_of(static_cast<unsigned>(identities_used_))};
  return add_node(name, settings);
}

SimNode& SimWorld::add_node(const std::string& name, SimNode::Settings settings) {
  settings.planet = planet;
  leaves_.push_back(
      std::make_unique<SimNode>(net, name, identity(identities_used_++), std::move(settings)));
  return *leaves_.back();
}

SimNode& SimWorld::add_joined(const std::string& name) {
  SimNode& node = add_node(name);
  node.start();
  net.run_until([&] { return node.path_to(root()) == Via::Direct; }, Duration{2'000});
  net.run_for(Duration{200});
  return node;
}

Nat& SimWorld::add_box(Nat::Kind kind, Nat* behind) {
  const unsigned n = ++boxes_used_;
  if (kind == Nat::Kind::Firewall) return net.add_nat(kind, IpAddress{}, behind);
  if (behind == nullptr) return net.add_nat(kind, address_of(100 + n).ip);
  return net.add_nat(kind, IpAddress::v4(0x64400000 + n), behind);  // 100.64.0.n, between boxes
}

SimNode& SimWorld::add_behind(const std::string& name, Nat& box, std::uint8_t host) {
  return add_behind(name, box, std::vector<Endpoint>{{IpAddress::v4(0x0a000000U + host), 9993}});
}

SimNode& SimWorld::add_behind(const std::string& name, Nat& box, std::vector<Endpoint> sockets) {
  SimNode::Settings settings;
  settings.sockets = std::move(sockets);
  SimNode& node = add_node(name, settings);
  net.put_behind(node.host(), &box);
  node.start();
  // Roots validate one stranger per 2 s and /24: who shares a box greets a second time after 5 s.
  net.run_until([&] { return root().path_to(node) == Via::Direct; }, Duration{6'000});
  net.run_for(Duration{200});
  return node;
}

Endpoint address_of(unsigned n) { return {IpAddress::v4(0x09000001 + (n << 8)), 9993}; }

Endpoint address6_of(unsigned n) {
  Bytes ip(16);
  ip[0] = 0x2a;
  ip[2] = static_cast<std::uint8_t>(n >> 8);
  ip[3] = static_cast<std::uint8_t>(n);
  ip[15] = 1;
  return {IpAddress::v6(ip), 9993};
}

World planet_of(const std::vector<std::pair<Identity, std::vector<Endpoint>>>& roots) {
  std::vector<WorldRoot> listed;
  for (const auto& [who, endpoints] : roots) {
    Bytes bytes;
    Writer out(bytes);
    who.write(out);
    Reader in(bytes);
    listed.push_back({*Identity::read(in), endpoints});
  }
  constexpr std::uint64_t kTestPlanet = 0xabcdef02;
  return World::make(WorldType::Planet, kTestPlanet, 1'700'000'000'000, std::move(listed),
                     identity(0));
}

}  // namespace ztshim::sim
