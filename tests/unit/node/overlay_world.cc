#include "tests/unit/node/overlay_world.h"

#include <algorithm>

#include "common/reader.h"
#include "common/writer.h"
#include "service/vl2/ethernet.h"
#include "service/wire/compression.h"
#include "tests/sim/sim_node.h"

namespace ztshim::testing {

namespace {
constexpr std::size_t kUdpText = 28;

Bytes arp(std::uint16_t operation, MacAddress from, const IpAddress& own, MacAddress to,
          const IpAddress& other) {
  Bytes packet;
  Writer out(packet);
  out.be(std::uint16_t{1}).be(vl2::kEtherIpv4).be(std::uint8_t{6}).be(std::uint8_t{4});
  out.be(operation);
  from.write(out);
  out.bytes(own.bytes());
  to.write(out);
  out.bytes(other.bytes());
  return packet;
}
}  // namespace

Bytes arp_request(MacAddress from, const IpAddress& own, const IpAddress& wanted) {
  return arp(1, from, own, MacAddress(), wanted);
}

Bytes arp_reply(MacAddress from, const IpAddress& own, MacAddress to, const IpAddress& asker) {
  return arp(2, from, own, to, asker);
}

Bytes udp_packet(const IpAddress& from, const IpAddress& to, std::uint16_t port,
                 const std::string& text) {
  Bytes packet;
  Writer out(packet);
  out.be(std::uint16_t{0x4500}).be(static_cast<std::uint16_t>(kUdpText + text.size()));
  out.zeroes(5).be(std::uint8_t{17}).zeroes(2).bytes(from.bytes()).bytes(to.bytes());
  out.be(port).be(port).be(static_cast<std::uint16_t>(8 + text.size())).zeroes(2);
  out.bytes(as_bytes(text));
  return packet;
}

class OverlayNode::Runner final : public sim::Participant {
 public:
  Runner(OverlayNode& owner, Environment environment, std::uint64_t seed)
      : owner_(owner), random_(seed), node_(std::move(environment), random_) {}

  void start(Now now, Outbox& out) override {
    node_.vl1().set_sockets(now, {{kAnySocket, owner_.host_.sockets}}, out);
    node_.start(now, out);
  }
  void on_datagram(Now now, const Arrival& arrival, MutableBytes datagram, Outbox& out) override {
    node_.on_datagram(now, arrival, datagram, out);
    answer_arp(now, out);
  }
  void on_deadline(Now now, Outbox& out) override { node_.on_deadline(now, out); }
  Time next_deadline() const override { return node_.next_deadline(); }
  void on_outbox(const Outbox& out) override;
  Node& node() { return node_; }

 private:
  void answer_arp(Now now, Outbox& out);

  OverlayNode& owner_;
  sim::SeededRandom random_;
  Node node_;
};

// The host's stack: it says who has the addresses it was given.
void OverlayNode::Runner::answer_arp(Now now, Outbox& out) {
  for (std::size_t i = 0; i < out.frames().size(); ++i) {
    const Outbox::Frame frame = out.frames()[i];
    if (frame.ether_type != vl2::kEtherArp) continue;
    const Bytes p = to_bytes(out.bytes_of(frame));
    if (p.size() < 28 || p[7] != 1) continue;
    const IpAddress asker = IpAddress::v4(ByteView(p).subspan(14, 4));
    const IpAddress wanted = IpAddress::v4(ByteView(p).subspan(24, 4));
    if (wanted != owner_.ip(frame.network)) continue;
    const MacAddress own = owner_.mac(frame.network);
    node_.on_frame(now, frame.network, frame.source, own, vl2::kEtherArp,
                   arp_reply(own, wanted, frame.source, asker), out);
  }
}

void OverlayNode::Runner::on_outbox(const Outbox& out) {
  for (const Outbox::Frame& frame : out.frames()) {
    const Bytes p = to_bytes(out.bytes_of(frame));
    owner_.frames_.push_back({frame.network, frame.destination, frame.source, frame.ether_type, p});
    if (frame.ether_type == vl2::kEtherArp && p.size() >= 28 && p[7] == 2) {
      owner_.neighbours_[IpAddress::v4(ByteView(p).subspan(14, 4))] = frame.source;
    }
  }
  for (const StoredObject& object : out.stored()) {
    if (object.kind == StoredKind::ControllerMember) {
      if (object.remove) {
        owner_.member_files_.erase({object.owner, object.key});
      } else {
        owner_.member_files_[{object.owner, object.key}] = object.content;
      }
      continue;
    }
    const std::pair<int, std::uint64_t> key{static_cast<int>(object.kind), object.key};
    if (object.remove) {
      owner_.files_.erase(key);
    } else {
      owner_.files_[key] = object.content;
    }
  }
  for (const Event& event : out.events()) {
    if (std::holds_alternative<NetworkChanged>(event)) ++owner_.network_changes_;
  }
}

OverlayNode::OverlayNode(sim::SimNetwork& net, const std::string& name, Identity identity,
                         World planet, Endpoint endpoint, bool with_controller)
    : net_(net),
      name_(name),
      identity_(std::move(identity)),
      planet_(std::move(planet)),
      with_controller_(with_controller),
      host_(net.add_host(name, {endpoint})) {
  net.trace().introduce(name, identity_);
}

std::vector<NetworkId> OverlayNode::record_networks() const {
  std::vector<NetworkId> networks;
  for (const auto& [key, content] : files_) {
    if (key.first == static_cast<int>(StoredKind::ControllerNetwork)) {
      networks.emplace_back(key.second);
    }
  }
  return networks;
}

void OverlayNode::read_network(NetworkId network, const Take& take) const {
  const auto found =
      files_.find({static_cast<int>(StoredKind::ControllerNetwork), network.number()});
  if (found != files_.end()) take(found->second);
}

void OverlayNode::read_members(NetworkId network, const TakeMember& take) const {
  for (const auto& [key, content] : member_files_) {
    if (key.first == network.number()) take(Address(key.second), content);
  }
}

void OverlayNode::start() {
  Environment environment;
  environment.vl1.identity = identity_;
  environment.vl1.planet = planet_;
  environment.run_controller = with_controller_;
  for (const auto& [key, content] : files_) {
    if (key.first == static_cast<int>(StoredKind::NetworkConfig)) {
      environment.networks.push_back({NetworkId(key.second), content, {}});
    }
  }
  environment.controller_records = this;
  auto runner = std::make_unique<Runner>(*this, std::move(environment), net_.random().number());
  runner_ = runner.get();
  net_.start(host_, std::move(runner));
}

void OverlayNode::stop() {
  net_.stop(host_);
  runner_ = nullptr;
}

Node& OverlayNode::node() { return runner_->node(); }

void OverlayNode::join(NetworkId network) {
  net_.act(host_, [&](Now now, Outbox& out) { node().join(now, network, out); });
}

void OverlayNode::leave(NetworkId network) {
  net_.act(host_, [&](Now now, Outbox& out) { node().leave(now, network, out); });
}

vl2::NetworkInfo OverlayNode::info(NetworkId network) const {
  return runner_->node().vl2().info(network).value_or(vl2::NetworkInfo{});
}

vl2::NetworkStatus OverlayNode::status(NetworkId network) const { return info(network).status; }

IpAddress OverlayNode::ip(NetworkId network) const {
  for (const IpPrefix& address : info(network).addresses) {
    if (address.ip.is_v4()) return address.ip;
  }
  return IpAddress();
}

std::string OverlayNode::change_network(NetworkId network, const std::string& json) {
  std::string result;
  net_.act(host_, [&](Now now, Outbox& out) {
    result = node().controller()->change_network(now, network, json, out).value_or("");
  });
  return result;
}

std::string OverlayNode::change_member(NetworkId network, Address member, const std::string& json) {
  std::string result;
  net_.act(host_, [&](Now now, Outbox& out) {
    result = node().controller()->change_member(now, network, member, json, out).value_or("");
  });
  return result;
}

void OverlayNode::send(NetworkId network, MacAddress to, std::uint16_t ether_type,
                       const Bytes& payload) {
  net_.act(host_, [&](Now now, Outbox& out) {
    node().on_frame(now, network, to, mac(network), ether_type, payload, out);
  });
}

void OverlayNode::ask_for(NetworkId network, const IpAddress& wanted) {
  send(network, MacAddress::broadcast(), vl2::kEtherArp,
       arp_request(mac(network), ip(network), wanted));
}

void OverlayNode::say(NetworkId network, const OverlayNode& to, const std::string& text) {
  send(network, to.mac(network), vl2::kEtherIpv4, udp_packet(ip(network), to.ip(network), 7, text));
}

std::vector<std::string> OverlayNode::heard() const {
  std::vector<std::string> texts;
  for (const ReceivedFrame& frame : frames_) {
    if (frame.ether_type != vl2::kEtherIpv4 || frame.payload.size() < kUdpText) continue;
    texts.emplace_back(as_text(ByteView(frame.payload).subspan(kUdpText)));
  }
  return texts;
}

OverlayWorld::OverlayWorld(std::uint64_t seed) : net(seed) {
  planet = sim::planet_of({{sim::identity(0), {sim::address_of(0)}}});
  root = std::make_unique<OverlayNode>(net, "root", sim::identity(0), planet, sim::address_of(0),
                                       false);
  for (unsigned n = 0; n < 2; ++n) know(n);
  net.set_filter([this](const Endpoint& from, const Endpoint&, ByteView datagram) {
    return look_at(from, datagram);
  });
  root->start();
  controller = std::make_unique<OverlayNode>(net, "controller", sim::identity(1), planet,
                                             sim::address_of(1), true);
  controller->start();
  net.run_for(seconds(1));
}

OverlayNode& OverlayWorld::add(const std::string& name) {
  const unsigned n = used_++;
  know(n);
  members_.push_back(std::make_unique<OverlayNode>(net, name, sim::identity(n), planet,
                                                   sim::address_of(n), false));
  return *members_.back();
}

OverlayNode& OverlayWorld::add_started(const std::string& name) {
  OverlayNode& node = add(name);
  node.start();
  net.run_for(seconds(1));
  return node;
}

void OverlayWorld::know(unsigned n) {
  const Identity who = sim::identity(n);
  identities_[who.address()] = who;
  endpoints_[sim::address_of(n)] = who.address();
}

const PacketKeys* OverlayWorld::keys_of(Address a, Address b) {
  const std::pair<Address, Address> pair = std::minmax(a, b);
  const auto known = keys_.find(pair);
  if (known != keys_.end()) return &known->second;
  if (identities_.count(a) == 0 || identities_.count(b) == 0) return nullptr;
  const auto key = identities_[a].agree(identities_[b]);
  return key ? &keys_.emplace(pair, PacketKeys(*key)).first->second : nullptr;
}

// True: goes on its way.
bool OverlayWorld::look_at(const Endpoint& from, ByteView datagram) {
  const auto header = PacketHeader::read(datagram);
  if (!header || header->is_fragmented() || endpoints_[from] != header->source) return true;
  const PacketKeys* keys = keys_of(header->source, header->destination);
  Bytes copy = to_bytes(datagram);
  if (keys == nullptr || !keys->open(copy) || !decompress_packet(copy)) return true;
  SentPacket packet;
  packet.when = net.now().time;
  packet.from = header->source;
  packet.to = header->destination;
  packet.verb = PacketHeader::read(copy)->verb();
  Reader in(ByteView(copy).subspan(kPacketHeaderSize));
  if (packet.verb == Verb::Ok || packet.verb == Verb::Error) {
    packet.in_re = static_cast<Verb>(in.be<std::uint8_t>());
    in.be<std::uint64_t>();
    if (packet.verb == Verb::Error) packet.error = static_cast<ErrorCode>(in.be<std::uint8_t>());
  }
  packets_.push_back(packet);
  return !drop || !drop(packet);
}

std::size_t OverlayWorld::count(Verb verb, const OverlayNode& from, const OverlayNode& to,
                                Verb in_re) const {
  return static_cast<std::size_t>(
      std::count_if(packets_.begin(), packets_.end(), [&](const SentPacket& packet) {
        return packet.verb == verb && packet.from == from.address() && packet.to == to.address() &&
               packet.in_re == in_re;
      }));
}

std::vector<SentPacket> OverlayWorld::sent_by(const OverlayNode& from, Verb verb) const {
  std::vector<SentPacket> all;
  for (const SentPacket& packet : packets_) {
    if (packet.from == from.address() && packet.verb == verb) all.push_back(packet);
  }
  return all;
}

NetworkId OverlayWorld::make_network(std::uint32_t number, bool is_private) {
  const NetworkId id(controller->address().number() << 24 | number);
  controller->change_network(
      id,
      std::string(R"({"name":"test","private":)") + (is_private ? "true" : "false") +
          R"(,"v4AssignMode":{"zt":true},"routes":[{"target":"10.147.17.0/24","via":null}],)"
          R"("ipAssignmentPools":[{"ipRangeStart":"10.147.17.1","ipRangeEnd":"10.147.17.254"}]})");
  return id;
}

}  // namespace ztshim::testing
