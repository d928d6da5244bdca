// Whole nodes in a simulated network: a root, a controller, members with a scripted host behind
// each virtual interface. Scenarios speak in these words.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "service/crypto/suites.h"
#include "service/node/node.h"
#include "service/wire/packet.h"
#include "tests/sim/identities.h"
#include "tests/sim/sim_network.h"

namespace ztshim::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct ReceivedFrame {
  NetworkId network;
  MacAddress destination;
  MacAddress source;
  std::uint16_t ether_type = 0;
  Bytes payload;
};

Bytes arp_request(MacAddress from, const IpAddress& own, const IpAddress& wanted);
Bytes arp_reply(MacAddress from, const IpAddress& own, MacAddress to, const IpAddress& asker);
// An IPv4 packet with UDP ports and this text.
Bytes udp_packet(const IpAddress& from, const IpAddress& to, std::uint16_t port,
                 const std::string& text);

// One packet that a node sent, opened. Packets in several datagrams are not looked into.
struct SentPacket {
  Time when;
  Address from;
  Address to;
  Verb verb = Verb::Nop;
  Verb in_re = Verb::Nop;             // OK, ERROR
  ErrorCode error = ErrorCode::None;  // ERROR
};

class OverlayNode : public controller::RecordSource {
 public:
  OverlayNode(sim::SimNetwork& net, const std::string& name, Identity identity, World planet,
              Endpoint endpoint, bool with_controller);

  void start();
  // As a crash would; what was stored is there again at the next start.
  void stop();

  Node& node();
  Address address() const { return identity_.address(); }
  const Identity& identity() const { return identity_; }
  sim::Host& host() { return host_; }

  void join(NetworkId network);
  void leave(NetworkId network);
  vl2::NetworkStatus status(NetworkId network) const;
  vl2::NetworkInfo info(NetworkId network) const;
  MacAddress mac(NetworkId network) const { return MacAddress::of_member(address(), network); }
  IpAddress ip(NetworkId network) const;  // its first managed IPv4 address, or none

  // ---- as controller
  std::string change_network(NetworkId network, const std::string& json);
  std::string change_member(NetworkId network, Address member, const std::string& json);

  // ---- the host behind the virtual interface
  // Answers ARP requests for its own address.
  void send(NetworkId network, MacAddress to, std::uint16_t ether_type, const Bytes& payload);
  void ask_for(NetworkId network, const IpAddress& wanted);  // ARP
  void say(NetworkId network, const OverlayNode& to, const std::string& text);
  bool knows(const IpAddress& ip) const { return neighbours_.count(ip) != 0; }
  MacAddress neighbour(const IpAddress& ip) const { return neighbours_.at(ip); }
  std::vector<std::string> heard() const;  // texts, in order
  const std::vector<ReceivedFrame>& frames() const { return frames_; }
  void forget() {
    frames_.clear();
    neighbours_.clear();
  }
  std::map<std::pair<int, std::uint64_t>, Bytes>& files() { return files_; }
  std::size_t network_changes() const { return network_changes_; }

  // ---- controller::RecordSource: what an earlier run stored
  std::vector<NetworkId> record_networks() const override;
  void read_network(NetworkId network, const Take& take) const override;
  void read_members(NetworkId network, const TakeMember& take) const override;

 private:
  class Runner;

  sim::SimNetwork& net_;
  std::string name_;
  Identity identity_;
  World planet_;
  bool with_controller_;
  sim::Host& host_;
  Runner* runner_ = nullptr;
  std::vector<ReceivedFrame> frames_;
  std::map<IpAddress, MacAddress> neighbours_;
  std::map<std::pair<int, std::uint64_t>, Bytes> files_;  // kind and key; members' by network too
  std::map<std::pair<std::uint64_t, std::uint64_t>, Bytes> member_files_;
  std::size_t network_changes_ = 0;
};

class OverlayWorld {
 public:
  explicit OverlayWorld(std::uint64_t seed);
  OverlayNode& add(const std::string& name);  // not yet started
  OverlayNode& add_started(const std::string& name);

  // A network of the controller's with an IPv4 pool, as the lab makes one.
  NetworkId make_network(std::uint32_t number, bool is_private);
  bool wait_for(const std::function<bool()>& condition, Duration limit = seconds(10)) {
    return net.run_until(condition, limit);
  }

  // ---- what crossed the network. Relayed packets count once, when their source sends them.
  std::size_t count(Verb verb, const OverlayNode& from, const OverlayNode& to,
                    Verb in_re = Verb::Nop) const;
  std::vector<SentPacket> sent_by(const OverlayNode& from, Verb verb) const;
  void forget_packets() { packets_.clear(); }
  // Packets for which this holds are swallowed.
  std::function<bool(const SentPacket&)> drop;

  sim::SimNetwork net;
  World planet;
  std::unique_ptr<OverlayNode> root;
  std::unique_ptr<OverlayNode> controller;

 private:
  void know(unsigned n);
  bool look_at(const Endpoint& from, ByteView datagram);
  const PacketKeys* keys_of(Address a, Address b);

  std::vector<std::unique_ptr<OverlayNode>> members_;
  unsigned used_ = 2;
  std::map<Address, Identity> identities_;
  std::map<Endpoint, Address> endpoints_;
  std::map<std::pair<Address, Address>, PacketKeys> keys_;
  std::vector<SentPacket> packets_;
};

}  // namespace ztshim::testing
