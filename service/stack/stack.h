// The TCP/IP stack: lwIP with one netif per virtual network. Frames in, frames out; knows nothing
// of ZeroTier. lwIP's state is global, so there is at most one Stack in a process at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/ip_prefix.h"
#include "common/time.h"

namespace ztshim::stack {

enum class InterfaceId : std::uint64_t {};
// The virtual loopback, which every stack has: 127/8 and ::1. Its packets never leave the stack,
// and no packet of a network reaches these addresses. No network has this number.
inline constexpr InterfaceId kLoopback{0};

struct InterfaceRoute {
  IpPrefix target;
  IpAddress via;     // empty: on-link
  IpAddress source;  // the own address to use; empty: the one most like the target
  auto operator<=>(const InterfaceRoute&) const = default;
};
struct InterfaceConfig {
  std::string name;         // what applications see, at most 15 characters
  std::uint32_t index = 0;  // what applications see; unique among the host's, too
  std::uint64_t mac = 0;    // 48 bits, first octet most significant
  unsigned mtu = 2800;
  std::vector<IpPrefix> addresses;
  std::vector<InterfaceRoute> routes;
  auto operator<=>(const InterfaceConfig&) const = default;
};

struct OutgoingFrame {
  InterfaceId interface {};
  std::uint64_t destination = 0, source = 0;  // MACs
  std::uint16_t ether_type = 0;
  ByteView payload;  // valid during the call only
};

struct EchoRequest {
  IpAddress to;
  std::uint16_t identifier = 0, sequence = 0;
  ByteView payload;
};
struct EchoReply {
  IpAddress from;  // of an error: whom the request was for
  std::uint16_t identifier = 0, sequence = 0;
  std::size_t size = 0;   // of the payload
  std::uint8_t hops = 0;  // what was left of them
  std::errc error{};      // an ICMP error instead of an answer; has no sequence number
};

class Groups;
class Icmp;
class Udp;

class Stack {
 public:
  // `output` is called from within input(), run_timers() and the sockets' calls; it must not call
  // the stack back. `random` fills bytes for initial sequence numbers and ports.
  Stack(std::function<void(const OutgoingFrame&)> output, std::function<void(MutableBytes)> random);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // What initial sequence numbers are made of, from then on: 16 bytes that nobody else knows. The
  // same in each process that is this node, so that a new connection's number is above that of an
  // earlier process's between the same ports, which the peer may remember. Random ones until then.
  void set_sequence_secret(ByteView secret);
  // The time of this turn of the loop; before anything else in each turn.
  void set_time(Time now);
  // Creates or changes an interface other than kLoopback; existing connections survive where their
  // address stays.
  void set_interface(InterfaceId id, const InterfaceConfig& config);
  void remove_interface(InterfaceId id);

  void input(InterfaceId id, std::uint64_t destination, std::uint64_t source,
             std::uint16_t ether_type, ByteView payload);
  void run_timers();
  Time next_deadline() const;

  // ---- The interfaces as applications see them; the loopback is the host's "lo" to them.
  struct InterfaceView {
    InterfaceId id{};
    InterfaceConfig config;
    IpAddress link_local;  // IPv6; every interface has one
  };
  std::vector<InterfaceView> interfaces() const;
  // By the number or the name that applications use; nothing: it is none of ours.
  std::optional<InterfaceId> find_interface(std::uint32_t index) const;
  std::optional<InterfaceId> find_interface(std::string_view name) const;
  // 0, and no name, when there is no such interface.
  std::uint32_t index_of(InterfaceId id) const;
  std::string name_of(InterfaceId id) const;

  // Is it one of the addresses assigned to an interface? All of 127/8 and ::1 are.
  bool is_own(const IpAddress& ip) const;
  // Likewise of this one; its link-local address, too.
  bool is_own_on(InterfaceId id, const IpAddress& ip) const;
  std::optional<InterfaceId> owner_of(const IpAddress& ip) const;
  // 255.255.255.255 or a subnet's.
  bool is_broadcast(const IpAddress& ip) const;
  // Where groups and 255.255.255.255 go when nobody says: the first network with such an address.
  std::optional<InterfaceId> group_interface(IpFamily family) const;
  // The own address for groups and broadcasts sent out there; empty: none of the family.
  IpAddress source_on(InterfaceId id, const IpAddress& destination) const;
  // Do its packets come in? Joined ones do, and those that every host has.
  bool takes_group(InterfaceId id, const IpAddress& group) const;
  unsigned link_mtu(InterfaceId id) const;
  // The largest packets that get there through it; 0: no such interface.
  unsigned path_mtu(InterfaceId id, const IpAddress& destination) const;
  // The interface and next hop for a destination: a connected subnet, a managed route, longest
  // prefix first. Nothing: not virtual.
  struct Hop {
    InterfaceId interface {};
    IpAddress next_hop;
    IpAddress source;  // the own address to use
  };
  // `source`: the own address that is to be used; its interface goes before equal ones.
  std::optional<Hop> route(const IpAddress& destination, const IpAddress& source = {}) const;
  // By one interface alone; link-local destinations and groups, which need that, too.
  std::optional<Hop> route_on(InterfaceId id, const IpAddress& destination) const;
  // The next hop's MAC, if it has been learned (IPv4 ARP, IPv6 ND).
  std::optional<std::uint64_t> neighbour(const Hop& hop) const;
  // Likewise; own addresses always are.
  bool is_neighbour_known(const Hop& hop) const;

  Udp& udp();
  Icmp& icmp();
  Groups& groups();

  // Answers to send_echo(); the listener must not call the stack back.
  void set_echo_listener(std::function<void(const EchoReply&)> listener);
  std::errc send_echo(const Hop& hop, const EchoRequest& request);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ztshim::stack
