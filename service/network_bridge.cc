#include "service/network_bridge.h"

#include <algorithm>

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

namespace {

// RFC 1112 6.4 and RFC 2464 7: several groups share an address.
MacAddress mac_of(const IpAddress& group) {
  if (group.is_v4()) return MacAddress(0x0100'5e00'0000 | (group.v4_number() & 0x7fffff));
  std::uint64_t low = 0;
  for (const std::uint8_t byte : group.bytes().last(4)) low = low << 8 | byte;
  return MacAddress(0x3333'0000'0000 | low);
}

}  // namespace

void NetworkBridge::set_groups(Now now, stack::InterfaceId interface,
                               const std::vector<IpAddress>& groups, Outbox& out) {
  if (interface == stack::kLoopback) return;
  const NetworkId network(static_cast<std::uint64_t>(interface));
  std::vector<MulticastGroup> wanted;
  for (const IpAddress& group : groups) wanted.push_back({mac_of(group), 0});
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  groups_[network] = std::move(wanted);
  renew_groups(now, network, out);
}

void NetworkBridge::renew_groups(Now now, NetworkId network, Outbox& out) {
  const auto found = groups_.find(network);
  if (found == groups_.end()) return;
  node_.vl2().set_host_groups(now, network, found->second, out);
  if (found->second.empty()) groups_.erase(found);
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
