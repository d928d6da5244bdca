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
  void forget_cache() { cache_.clear(); }
  void set_planet(const World& planet) { settings_.planet = planet; }  // for the next start
  void changed_sockets();  // the host has moved, and the node is told
  void remember(const Identity& peer, unsigned protocol, const std::vector<Endpoint>& addresses);
  void save_peers();  // as a node that ends in order does

  void send(const SimNode& to, const std::string& text);
  std::vector<std::string> texts() const;
  std::vector<std::string> texts_from(const SimNode& sender) const;
  Via path_to(const SimNode& other) const;

  vl1::Vl1& vl1();
  const vl1::Vl1& vl1() const;
  TextLayer& upper() { return *upper_; }
  Host& host() { return host_; }
  const Identity& identity() const { return identity_; }
  Address address() const { return identity_.address(); }
  const Endpoint& endpoint(std::size_t socket = 0) const { return host_.sockets.at(socket); }
  const std::vector<StoredObject>& stored() const { return stored_; }
  const std::vector<Event>& events() const { return events_; }

 private:
  class Runner;

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
  explicit SimWorld(std::uint64_t seed, unsigned roots = 1);

  SimNode& root(std::size_t n = 0) { return *roots_.at(n); }
  // A leaf, not yet started.
  SimNode& add_node(const std::string& name);
  SimNode& add_node(const std::string& name, SimNode::Settings settings);
  // A leaf, started, and in touch with its root.
  SimNode& add_joined(const std::string& name);

  SimNetwork net;
  World planet;

 private:
  std::vector<std::unique_ptr<SimNode>> roots_;
  std::vector<std::unique_ptr<SimNode>> leaves_;
  std::size_t identities_used_ = 0;
};

// "9.0.<n>.1:9993"; global scope.
Endpoint address_of(unsigned n);
World planet_of(const std::vector<std::pair<Identity, std::vector<Endpoint>>>& roots);

}  // namespace ztshim::sim
