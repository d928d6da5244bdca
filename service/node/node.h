// The whole ZeroTier node: VL1, VL2 and the controller behind one face. It never blocks, never
// reads a clock, never touches a descriptor or a file. What it wants done is in the Outbox.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "common/time.h"
#include "service/controller/controller.h"
#include "service/vl1/outbox.h"
#include "service/vl1/vl1.h"
#include "service/vl2/vl2.h"

namespace ztshim {

// All that is handed in at the start: identity, stored objects, settings. Randomness comes beside
// it.
struct Environment {
  vl1::Config vl1;  // identity, planet, moons, cached peers
  struct StoredNetwork {
    NetworkId id;
    Bytes config;  // content of networks.d/<id>.conf
    vl2::LocalSettings settings;
  };
  std::vector<StoredNetwork> networks;
  bool run_controller = false;
  // Its records of earlier runs, read as they are needed; null: none. Outlives the node.
  const controller::RecordSource* controller_records = nullptr;
};

class Node {
 public:
  Node(Environment environment, RandomSource& random);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void start(Now now, Outbox& out);
  void on_datagram(Now now, const Arrival& arrival, MutableBytes datagram, Outbox& out);
  void on_frame(Now now, NetworkId network, MacAddress destination, MacAddress source,
                std::uint16_t ether_type, ByteView payload, Outbox& out);
  void on_deadline(Now now, Outbox& out);  // runs everything due by `now`; harmless when nothing is
  Time next_deadline() const;

  void join(Now now, NetworkId network, Outbox& out, vl2::LocalSettings settings = {});
  void leave(Now now, NetworkId network, Outbox& out);

  vl1::Vl1& vl1() { return *vl1_; }
  vl2::Vl2& vl2() { return *vl2_; }
  controller::Controller* controller() { return controller_.get(); }

 private:
  RandomSource& random_;
  std::unique_ptr<vl2::Vl2> vl2_;
  std::unique_ptr<controller::Controller> controller_;
  std::unique_ptr<vl1::Vl1> vl1_;
  std::vector<Environment::StoredNetwork> stored_networks_;
};

}  // namespace ztshim
