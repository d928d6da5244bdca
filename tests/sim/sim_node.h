// A VL1 node in a simulated network, with an upper layer that passes texts around in FRAMEs; and a
// small world of such nodes behind roots. Scenarios speak in these words.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/vl1/vl1.h"
#include "tests/sim/identities.h"
#include "tests/sim/sim_network.h"

namespace ztshim::sim {

enum class Via { Nothing, Relay, Direct };

// Keeps what arrives. VL2's place: says whether the sender shares a network with us.
class TextLayer final : public vl1::UpperLayer {
 public:
  vl1::Verdict on_packet(Now now, const vl1::Incoming& packet, Outbox& out) override;
  void on_identity_known(Now now, Address address, Outbox& out) override;
  bool is_virtual(const IpAddress& ip) const override;

  std::vector<std::pair<Address, std::string>> received;
  std::vector<Address> learned;
  bool trusting = true;  // every sender of a FRAME is a member of our network
};

class SimNode {
 public:
  struct Settings {
    std::vector<Endpoint> sockets;
    std::optional<World> planet;
    std::vector<World> moons;
    vl1::Settings local_conf;
    bool classic_fragments = false;
  };
  SimNode(SimNetwork& net, const std::string& name, Identity identity, Settings settings);

  void start();
  // Ends it without goodbye; what it would have on disk is kept for the next start().
  void stop();
  void restart() {
    stop();
    start();
  }
  // As the host does when it finds out that the machine slept.
  void resume();
  void forget_cache() { cache_.clear(); }
  void set_planet(const World& planet) { settings_.planet = planet; }  // for the next start
  void changed_sockets();  // the host has moved, and the node is told
  // The host has these sockets from now on, and the node is told, as by netlink.
  void move(std::vector<Endpoint> sockets) {
    net_.move(host_, std::move(sockets));
    changed_sockets();
  }
  void remember(const Identity& peer, unsigned protocol, const std::vector<Endpoint>& addresses);
  void save_peers();  // as a node that ends in order does

  void send(const SimNode& to, const std::string& text);
  std::vector<std::string> texts() const;
  std::vector<std::string> texts_from(const SimNode& sender) const;
  Via path_to(const SimNode& other) const;
  // Where its packets to that peer go; nothing without a usable direct path.
  std::optional<vl1::PathInfo> preferred_path(const SimNode& other) const;
  std::vector<Endpoint> paths(const SimNode& other) const;

  vl1::Vl1& vl1();
  const vl1::Vl1& vl1() const;
  TextLayer& upper() { return *upper_; }
  Host& host() { return host_; }
  const Host& host() const { return host_; }
  Now now() const { return net_.now(host_); }  // by its own clocks
  const Identity& identity() const { return identity_; }
  Address address() const { return identity_.address(); }
  const Endpoint& endpoint(std::size_t socket = 0) const { return host_.sockets.at(socket); }
  const std::vector<StoredObject>& stored() const { return stored_; }
  const std::vector<Event>& events() const { return events_; }

 private:
  class Runner;
  std::vector<vl1::BoundSocket> bound_sockets() const;

  SimNetwork& net_;
  Identity identity_;
  Settings settings_;
  Host& host_;
  std::unique_ptr<TextLayer> upper_;
  Runner* runner_ = nullptr;  // owned by the host while it runs
  std::vector<std::pair<std::uint64_t, Bytes>> cache_;
  std::vector<StoredObject> stored_;
  std::vector<Event> events_;
};

// Roots and leaves that hold the same planet. Every node has a /24 of its own, as nodes in the wild
// mostly do.
class SimWorld {
 public:
  enum class Families { V4, Both };
  explicit SimWorld(std::uint64_t seed, unsigned roots = 1, Families families = Families::V4);

  SimNode& root(std::size_t n = 0) { return *roots_.at(n); }
  std::size_t roots() const { return roots_.size(); }
  // A leaf, not yet started.
  SimNode& add_node(const std::string& name);
  SimNode& add_node(const std::string& name, SimNode::Settings settings);
  // A leaf, started, and in touch with its root.
  SimNode& add_joined(const std::string& name);
  // A leaf with the inner address 10.0.0.`host` (or these sockets) behind this box, started, and in
  // touch with its root.
  SimNode& add_behind(const std::string& name, Nat& box, std::uint8_t host = 1);
  SimNode& add_behind(const std::string& name, Nat& box, std::vector<Endpoint> sockets);
  // A box with an address of its own: 9.0.<100 + n>.1 on the internet, 100.64.0.<n> behind another.
  Nat& add_box(Nat::Kind kind, Nat* behind = nullptr);

  SimNetwork net;
  World planet;

 private:
  std::vector<std::unique_ptr<SimNode>> roots_;
  std::vector<std::unique_ptr<SimNode>> leaves_;
  std::size_t identities_used_ = 0;
  unsigned boxes_used_ = 0;
};

// "9.0.<n>.1:9993" and "[2a00:<n>::1]:9993"; global scope.
Endpoint address_of(unsigned n);
Endpoint address6_of(unsigned n);
World planet_of(const std::vector<std::pair<Identity, std::vector<Endpoint>>>& roots);

}  // namespace ztshim::sim
