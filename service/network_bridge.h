// Joins the node's networks to the stack's interfaces: frames across in both directions, addresses
// and routes in. An interface exists while its network has an address. Decides nothing about either
// side.
#pragma once

#include <map>
#include <vector>

#include "common/rpc_records.h"
#include "service/node/node.h"
#include "service/stack/stack.h"

namespace ztshim {

class NetworkBridge {
 public:
  // Both outlive this object.
  NetworkBridge(Node& node, stack::Stack& stack) : node_(node), stack_(stack) {}

  // The network has changed, or is gone: makes, changes or removes its interface.
  void update(NetworkId network);
  // Every frame of a settled Outbox; what the stack answers goes to its output.
  void deliver(const Outbox& out);
  // A frame from the stack.
  void send(Now now, const stack::OutgoingFrame& frame, Outbox& out);

  // What applications have joined on an interface; kept for when its network comes back.
  void set_groups(Now now, stack::InterfaceId interface, const std::vector<IpAddress>& groups,
                  Outbox& out);
  void renew_groups(Now now, NetworkId network, Outbox& out);

  // What applications see as the interface's name: "zt" and ten digits made of the network ID.
  static std::string interface_name(NetworkId network);
  static constexpr std::uint32_t kFirstIndex = rpc::kFirstInterfaceIndex;

 private:
  static stack::InterfaceId interface_of(NetworkId network) {
    return static_cast<stack::InterfaceId>(network.number());
  }

  // A network keeps its number as long as the service runs, also when it is left and joined again.
  std::uint32_t index_of(NetworkId network);

  Node& node_;
  stack::Stack& stack_;
  std::map<NetworkId, stack::InterfaceConfig> interfaces_;  // as they were set last
  std::map<NetworkId, std::uint32_t> indices_;
  std::map<NetworkId, std::vector<MulticastGroup>> groups_;
};

}  // namespace ztshim
