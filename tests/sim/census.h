// Counts what crosses a simulated network from its making on: datagrams by who sent them to whom
// and by what they say. For scenarios about cost.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "tests/sim/sim_node.h"

namespace ztshim::sim {

class Census {
 public:
  explicit Census(SimNetwork& net) {
    // The network keeps the observer, so what it counts into may outlive this object.
    net.add_observer([counts = counts_, &net](const Host& sender, const Endpoint&, ByteView bytes) {
      ++counts->by_host[sender.name];
      const auto packet = net.trace().reader().read(bytes);
      const std::string what = packet ? packet->verb_text() : "junk";
      // A relay sends others' packets: those count for their source, once.
      if (packet && packet->hops == 0) {
        ++counts->packets[{packet->source, packet->destination, what}];
      }
    });
  }

  // Everything the host put on the wire, relayed packets included.
  std::size_t datagrams(const SimNode& sender) const {
    return at(counts_->by_host, sender.host().name);
  }
  // Packets of this kind ("ECHO", "OK(HELLO)") on their first hop.
  std::size_t packets(const SimNode& from, const SimNode& to, const std::string& what) const {
    return at(counts_->packets, {from.address(), to.address(), what});
  }
  std::size_t packets(const SimNode& from, const SimNode& to) const {
    std::size_t all = 0;
    for (const auto& [key, count] : counts_->packets) {
      if (std::get<0>(key) == from.address() && std::get<1>(key) == to.address()) all += count;
    }
    return all;
  }
  void forget() { *counts_ = Counts{}; }
  // For failure messages.
  std::string text(const SimNetwork& net) const {
    std::string all;
    const PacketReader& reader = net.trace().reader();
    for (const auto& [key, count] : counts_->packets) {
      all += reader.name_of(std::get<0>(key)) + " -> " + reader.name_of(std::get<1>(key)) + " " +
             std::get<2>(key) + ": " + std::to_string(count) + "\n";
    }
    return all;
  }

 private:
  template <typename Map>
  static std::size_t at(const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() ? 0 : found->second;
  }

  struct Counts {
    std::map<std::string, std::size_t> by_host;
    std::map<std::tuple<Address, Address, std::string>, std::size_t> packets;
  };
  std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace ztshim::sim
