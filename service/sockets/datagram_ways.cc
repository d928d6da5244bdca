// A datagram socket's names, and which way its datagrams go.
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

#include "service/sockets/datagram_socket.h"

namespace ztshim::sockets {
namespace {

Outcome failed(std::errc error) { return {Outcome::Kind::Failed, error}; }

}  // namespace

// ---------------------------------------------------------------- names

IpAddress DatagramSocket::own_address() const { return is_bound_to_wildcard() ? source_ : bound_; }

stack::Claim DatagramSocket::claim() const {
  stack::Claim claim;
  claim.local = own_address();
  const bool is_dual = kind_.domain == AF_INET6 && !options_.v6_only();
  claim.takes_v4 = claim.local ? claim.local.is_v4() : kind_.domain == AF_INET || is_dual;
  claim.takes_v6 = claim.local ? claim.local.is_v6() : kind_.domain == AF_INET6;
  // Bound to ::ffff:0.0.0.0.
  if (!claim.local && kind_.domain == AF_INET6 && bound_.is_v4()) claim.takes_v6 = false;
  claim.port = port_;
  if (peer_) claim.peer = {peer_.ip, protocol_->has_ports() ? peer_.port : std::uint16_t{0}};
  if (options_.interface_index() != 0) claim.interface = interface_of(options_.interface_index());
  claim.reuse_address = options_.reuse_address_alone();
  claim.reuse_port = options_.reuse_port();
  return claim;
}

std::errc DatagramSocket::enter_port(std::uint16_t port) {
  stack::Claim wanted = claim();
  wanted.port = port;
  const auto entered = protocol_->enter(*this, wanted);
  if (!entered) return entered.error();
  port_ = *entered;
  return {};
}

void DatagramSocket::leave_port() {
  if (port_ != 0) protocol_->leave(*this, port_);
  port_ = 0;
}

void DatagramSocket::change_claim() {
  if (port_ != 0) protocol_->change(*this, claim());
}

Outcome DatagramSocket::bind(const Endpoint& local) {
  if (port_ != 0) return failed(std::errc::invalid_argument);
  bound_ = local.ip;
  const auto refuse = [&](std::errc error) {
    leave_port();
    bound_ = {};
    return failed(error);
  };
  if (const std::errc error = enter_port(local.port); error != std::errc{}) return refuse(error);
  if (policy_.listen == Policy::Listen::Both && local.ip.is_unspecified()) {
    if (const std::errc error = open_host({local.ip, port_}); error != std::errc{})
      return refuse(error);
  }
  chose_port_ = local.port != 0;
  if (local.scope != 0) options_.bind_to_interface(local.scope);
  if (local.ip.is_v6() && !local.ip.is_unspecified()) options_.become_v6_only();
  return {};
}

Outcome DatagramSocket::connect(const Endpoint& asked) {
  send_waiting();
  auto way = way_to(asked, {});
  // The source that an earlier connect() chose stays, as on Linux; but the socket may turn to the
  // host, where it gets another.
  if (!way && is_bound_to_wildcard() && source_) {
    const IpAddress chosen = std::exchange(source_, {});
    const auto free_way = way_to(asked, {});
    source_ = chosen;
    if (free_way && free_way->is_host) way = free_way;
  }
  if (!way) return failed(way.error());
  if (way->is_host) return {Outcome::Kind::Host, {}};
  if (way->is_group && hub_.stack().is_broadcast(asked.ip) && !options_.broadcast())
    return failed(std::errc::permission_denied);
  if (port_ == 0) {
    if (const std::errc error = enter_port(0); error != std::errc{})
      return failed(std::errc::resource_unavailable_try_again);
  }
  source_ = way->packet.source;
  peer_ = asked;
  // Connecting to the unspecified address means loopback.
  if (asked.ip.is_unspecified()) peer_.ip = source_;
  if (!asked.ip.needs_scope()) peer_.scope = 0;
  if (peer_.scope != 0) options_.bind_to_interface(peer_.scope);
  change_claim();
  return {};
}

// Linux keeps what bind() has said and forgets the rest.
Outcome DatagramSocket::disconnect() {
  send_waiting();
  peer_ = {};
  source_ = {};
  pending_error_ = {};
  if (chose_port_ || port_ == 0) {
    change_claim();
    return {};
  }
  leave_port();
  // An address stays without its port until the next send gives it one.
  if (is_bound_to_wildcard()) bound_ = {};
  return {};
}

Endpoint DatagramSocket::local() const {
  const IpAddress own = own_address();
  Endpoint name = in_family({own ? own : IpAddress::v4(0), port_});
  if (own.needs_scope()) name.scope = options_.interface_index();
  return name;
}

// ---------------------------------------------------------------- ways

std::errc DatagramSocket::check_family(const IpAddress& ip) const {
  if (kind_.domain == AF_INET)
    return ip.is_v4() ? std::errc{} : std::errc::address_family_not_supported;
  const IpAddress own = bound_ ? bound_ : source_;
  if (ip.is_v4() && (options_.v6_only() || (own.is_v6() && !own.is_unspecified())))
    return std::errc::network_unreachable;
  if (ip.is_v6() && own.is_v4()) return std::errc::address_family_not_supported;
  return {};
}

std::optional<stack::InterfaceId> DatagramSocket::interface_of(std::uint32_t index) const {
  // The host's loopback is number 1 everywhere.
  if (index == 1 && policy_.loopback == Policy::Loopback::Virtual) return stack::kLoopback;
  return hub_.stack().find_interface(index);
}

// A scope where the address means nothing without one.
std::uint32_t DatagramSocket::index_for(const IpAddress& ip, stack::InterfaceId interface) const {
  return ip.needs_scope() ? hub_.stack().index_of(interface) : 0;
}

Result<DatagramSocket::Way> DatagramSocket::way_to(const Endpoint& to, const Wishes& wishes) const {
  if (const std::errc error = check_family(to.ip); error != std::errc{}) return failure(error);
  const bool is_v6 = to.ip.is_v6();
  const std::uint32_t bound_to = options_.interface_index();
  std::uint32_t index = to.scope != 0 ? to.scope : wishes.interface_index;
  if (index == 0 && is_v6) index = datagram_options_.sticky_interface();
  if (bound_to != 0 && index != 0 && index != bound_to) return failure(std::errc::invalid_argument);
  if (bound_to != 0) index = bound_to;
  IpAddress own = wishes.source;
  if (!own && is_v6) own = datagram_options_.sticky_source();
  // A socket that is bound to a group or a broadcast address hears there and does not speak so.
  const auto is_ours = [&](const IpAddress& ip) {
    if (hub_.stack().is_own(ip)) return true;
    const auto on = interface_of(index);
    return on && hub_.stack().is_own_on(*on, ip);
  };
  if (!own && own_address() && is_ours(own_address())) own = own_address();
  if (own && own.family() != to.ip.family()) return failure(std::errc::invalid_argument);
  const bool is_group = to.ip.is_multicast() || hub_.stack().is_broadcast(to.ip);
  auto way = is_group ? way_to_group(to.ip, index, own) : way_to_one(to, index, own);
  if (!way || way->is_host) return way;
  if (own && !is_ours(own)) return failure(std::errc::invalid_argument);
  stack::PacketWay& packet = way->packet;
  if (to.ip.is_multicast()) {
    packet.hop_limit = static_cast<std::uint8_t>(datagram_options_.multicast_ttl(is_v6));
  } else {
    packet.hop_limit = static_cast<std::uint8_t>(is_v6 ? options_.unicast_hops() : options_.ttl());
  }
  packet.traffic_class =
      static_cast<std::uint8_t>(is_v6 ? options_.traffic_class() : options_.tos());
  if (wishes.hop_limit >= 0) packet.hop_limit = static_cast<std::uint8_t>(wishes.hop_limit);
  if (wishes.traffic_class >= 0)
    packet.traffic_class = static_cast<std::uint8_t>(wishes.traffic_class);
  if (to.ip.is_multicast() && packet.hop_limit == 0) packet.stays_here = true;
  return way;
}

Result<DatagramSocket::Way> DatagramSocket::way_to_one(const Endpoint& to, std::uint32_t index,
                                                       const IpAddress& own) const {
  Policy policy = policy_;
  const bool is_ours = own && hub_.stack().is_own(own);
  // What has a virtual address cannot speak for the host.
  if (is_ours) policy.egress = Policy::Egress::Virtual;
  const Decision decision = hub_.decide(to.ip, policy, index);
  if (decision.way == Decision::Way::Refused || (decision.way == Decision::Way::Host && is_ours)) {
    return failure(own.is_loopback() ? std::errc::invalid_argument
                                     : std::errc::network_unreachable);
  }
  Way way;
  if (decision.way == Decision::Way::Host) {
    way.is_host = true;
    way.host_interface = index;
    return way;
  }
  // Of equal ways the one from the address that is to be used.
  stack::Stack::Hop hop = *decision.hop;
  if (own && index == 0) {
    if (const auto from_own = hub_.stack().route(to.ip, own)) hop = *from_own;
  }
  const bool is_here = hub_.stack().is_own(hop.next_hop);
  if (own.is_loopback() && !is_here) return failure(std::errc::invalid_argument);
  way.packet.interface = hop.interface;
  way.packet.source = own ? own : hop.source;
  return way;
}

Result<DatagramSocket::Way> DatagramSocket::way_to_group(const IpAddress& to, std::uint32_t index,
                                                         const IpAddress& own) const {
  stack::Stack& stack = hub_.stack();
  const bool may_be_host = policy_.egress == Policy::Egress::Split;
  Way way;
  way.is_group = true;
  std::optional<stack::InterfaceId> interface;
  IpAddress source = own;
  if (index == 0 && to.is_multicast()) {
    index = datagram_options_.multicast_interface(to.is_v6());
    if (!source && to.is_v4() && interface_of(index)) source = datagram_options_.multicast_source();
  }
  if (index != 0) {
    interface = interface_of(index);
    way.host_interface = index;
  } else if (const auto subnet = stack.route(to); subnet && !to.is_multicast()) {
    interface = subnet->interface;
  } else {
    if (own) interface = stack.owner_of(own);
    if (!interface) interface = stack.group_interface(to.family());
  }
  if (!interface) {
    if (!may_be_host) return failure(std::errc::network_unreachable);
    way.is_host = true;
    return way;
  }
  if (!source) source = stack.source_on(*interface, to);
  if (!source) return failure(std::errc::network_unreachable);
  way.packet.interface = *interface;
  way.packet.source = source;
  way.packet.stays_here = *interface == stack::kLoopback;
  way.packet.loops =
      !to.is_multicast() || datagram_options_.multicast_loop(to.is_v6()) || way.packet.stays_here;
  // Nobody here hears a group that nobody has joined.
  if (to.is_multicast() && !stack.takes_group(*interface, to)) way.packet.loops = false;
  return way;
}

std::errc DatagramSocket::check_size(const Endpoint& to, const Way& way, std::size_t size) const {
  const bool is_v6 = to.ip.is_v6();
  if (size > protocol_->largest(is_v6)) return std::errc::message_size;
  if (way.is_host || hub_.stack().is_own(to.ip)) return {};
  const std::size_t packet = size + protocol_->header_size() + (is_v6 ? 40 : 20);
  if (packet > 0xffff) return std::errc::message_size;  // more than lwIP can count
  const int discover = is_v6 ? options_.v6_mtu_discover() : options_.mtu_discover();
  const unsigned link = hub_.stack().link_mtu(way.packet.interface);
  const unsigned path = hub_.stack().path_mtu(way.packet.interface, to.ip);
  const bool never_fragments =
      discover == IP_PMTUDISC_DO || (is_v6 && datagram_options_.dont_fragment6());
  if (never_fragments && packet > path) return std::errc::message_size;
  if ((discover == IP_PMTUDISC_PROBE || discover == IP_PMTUDISC_INTERFACE) && packet > link)
    return std::errc::message_size;
  return {};
}

std::errc DatagramSocket::open_host(const Endpoint& local) {
  if (host_ != nullptr) return {};
  auto opened = HostDatagrams::open(hub_.poller(), kind_, options_, local, [this] {
    host_ready_ = true;
    hub_.soon(*this);
  });
  if (!opened) return opened.error();
  host_ = std::move(*opened);
  return {};
}

Outcome DatagramSocket::check_send(const Endpoint& to, std::size_t size,
                                   std::uint32_t interface_index) {
  if (is_shut_for_writing_) return failed(std::errc::broken_pipe);
  Endpoint destination = to ? to : peer_;
  if (!destination) return failed(std::errc::destination_address_required);
  if (destination.port == 0 && protocol_->has_ports()) return failed(std::errc::invalid_argument);
  if (size > protocol_->largest(destination.ip.is_v6())) return failed(std::errc::message_size);
  Wishes wishes;
  wishes.interface_index = interface_index;
  const auto way = way_to(destination, wishes);
  if (!way) return failed(way.error());
  const bool is_broadcast = way->is_group && !destination.ip.is_multicast();
  if (is_broadcast && !options_.broadcast()) return failed(std::errc::permission_denied);
  if (const std::errc error = check_size(destination, *way, size); error != std::errc{}) {
    if (!way->is_host && datagram_options_.wants_errors(destination.ip.is_v6())) {
      stack::IcmpError local;
      local.remote = destination;
      local.mtu = hub_.stack().path_mtu(way->packet.interface, destination.ip);
      queue_error(std::move(local));
    }
    return failed(error);
  }
  if (port_ == 0 && enter_port(0) != std::errc{})
    return failed(std::errc::resource_unavailable_try_again);  // sendto(2)'s word for it
  if (!way->is_host) return {};
  if (const std::errc error = open_host({}); error != std::errc{}) return failed(error);
  const std::errc error = host_->check(destination, way->host_interface);
  return error == std::errc{} ? Outcome{} : failed(error);
}

}  // namespace ztshim::sockets
