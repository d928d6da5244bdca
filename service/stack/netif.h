// The virtual networks' interfaces as lwIP sees them, and the routes through them. lwIP gives a
// netif one IPv4 address; an interface with several has one netif for each, all with the same MAC.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "service/stack/lwip_glue.h"
#include "service/stack/stack.h"

namespace ztshim::stack {

using Output = std::function<void(const OutgoingFrame&)>;

class Interface {
 public:
  Interface(InterfaceId id, const Output& output) : id_(id), output_(output) {}
  ~Interface();
  Interface(const Interface&) = delete;
  Interface& operator=(const Interface&) = delete;

  void configure(const InterfaceConfig& config);
  void input(std::uint64_t destination, std::uint64_t source, std::uint16_t ether_type,
             ByteView payload);
  void send(ByteView frame);

  InterfaceId id() const { return id_; }
  const InterfaceConfig& config() const { return config_; }
  bool owns(const IpAddress& ip) const;
  // Empty while there is no IPv6 address.
  IpAddress link_local() const;
  // The netif for packets from `source` (any, if it is empty).
  netif* netif_for(const IpAddress& source) const;
  // The one with the subnet whose broadcast address that is (or any, for 255.255.255.255).
  netif* broadcast_netif(const IpAddress& ip) const;
  bool is_broadcast(const IpAddress& ip) const;
  bool takes_group(const IpAddress& group) const;
  bool has(const netif& candidate) const;
  bool has_local_packets() const;
  void deliver_local_packets();
  // The own address for packets to `destination` by way of `next_hop`; empty when there is none of
  // the family.
  IpAddress source_for(const IpAddress& next_hop, const IpAddress& destination) const;
  // The same for a destination of our own: itself, but 127.0.0.1 for all of 127/8, as Linux has it.
  IpAddress source_for_own(const IpAddress& destination) const;
  bool is_loopback() const { return id_ == kLoopback; }

 private:
  netif* add_netif(const IpPrefix& address);
  void describe(netif& n) const;
  void set_ipv4(const std::vector<IpPrefix>& addresses);
  void set_ipv6(const std::vector<IpPrefix>& addresses);
  void input_arp(ByteView payload);
  void input_ip(std::uint64_t destination, ByteView payload, bool is_v6);

  const InterfaceId id_;
  const Output& output_;
  InterfaceConfig config_;
  // The first one always exists once configured; it carries the IPv6 addresses as well.
  std::vector<std::unique_ptr<netif>> netifs_;
};

// All interfaces of a stack.
class Interfaces {
 public:
  explicit Interfaces(Output output) : output_(std::move(output)) {}

  void add_loopback();
  // False when there are as many as lwIP can number.
  bool set(InterfaceId id, const InterfaceConfig& config);
  void remove(InterfaceId id);
  Interface* find(InterfaceId id) const;
  const std::map<InterfaceId, std::unique_ptr<Interface>>& all() const { return all_; }

  Interface* owner_of(const IpAddress& ip) const;
  // By the longest prefix; of interfaces with equal ones the owner of `source` comes first.
  std::optional<Stack::Hop> route(const IpAddress& source, const IpAddress& destination) const;
  // Through one interface; groups and link-local destinations as well.
  std::optional<Stack::Hop> route_on(InterfaceId id, const IpAddress& destination) const;
  // For lwIP's hooks.
  netif* netif_for(const IpAddress& source, const IpAddress& destination) const;
  IpAddress next_hop(const netif& out, const IpAddress& destination) const;

 private:
  const Output output_;
  std::map<InterfaceId, std::unique_ptr<Interface>> all_;
};

}  // namespace ztshim::stack
