#include "service/network_bridge.h"

#include "common/log.h"

namespace ztshim {

std::string NetworkBridge::interface_name(NetworkId network) {
  // 15 characters are all an interface name may have; folding keeps names of one controller's
  // networks apart.
  return std::string(rpc::kInterfaceNamePrefix) +
         to_hex((network.number() ^ network.number() >> 40) & 0xffffffffffULL, 10);
}

std::uint32_t NetworkBridge::index_of(NetworkId network) {
  return indices_.try_emplace(network, kFirstIndex + static_cast<std::uint32_t>(indices_.size()))
      .first->second;
}

void NetworkBridge::update(NetworkId network) {
  const auto info = node_.vl2().info(network);
  if (!info || info->effective.addresses.empty()) {
    if (interfaces_.erase(network) == 0) return;
    log(LogArea::Service, LogLevel::Info, "net={} interface removed", network.text());
    stack_.remove_interface(interface_of(network));
    return;
  }
  stack::InterfaceConfig config;
  config.name = interface_name(network);
  config.index = index_of(network);
  config.mac = info->mac.number();
  config.mtu = info->mtu;
  config.addresses = info->effective.addresses;
  for (const vl2::EffectiveRoute& route : info->effective.routes) {
    config.routes.push_back({route.target, route.via, route.source});
  }
  const auto known = interfaces_.find(network);
  if (known != interfaces_.end() && known->second == config) return;
  for (const IpPrefix& address : config.addresses) {
    log(LogArea::Service, LogLevel::Info, "net={} address {}", network.text(), address.text());
  }
  stack_.set_interface(interface_of(network), config);
  interfaces_[network] = std::move(config);
}

void NetworkBridge::deliver(const Outbox& out) {
  for (const Outbox::Frame& frame : out.frames()) {
    stack_.input(interface_of(frame.network), frame.destination.number(), frame.source.number(),
                 frame.ether_type, out.bytes_of(frame));
  }
}

void NetworkBridge::send(Now now, const stack::OutgoingFrame& frame, Outbox& out) {
  node_.on_frame(now, NetworkId(static_cast<std::uint64_t>(frame.interface)),
                 MacAddress(frame.destination), MacAddress(frame.source), frame.ether_type,
                 frame.payload, out);
}

}  // namespace ztshim
