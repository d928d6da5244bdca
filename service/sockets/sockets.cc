// What may be done with a virtual socket, and which addresses are virtual.
#include "service/sockets/sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "common/log.h"
#include "service/sockets/constants.h"
#include "service/sockets/datagram_socket.h"
#include "service/sockets/pair.h"
#include "service/sockets/socket_table.h"
#include "service/sockets/tcp_listener.h"
#include "service/sockets/tcp_socket.h"

namespace ztshim::sockets {
namespace {

Outcome failed(std::errc error) { return {Outcome::Kind::Failed, error}; }
Outcome host() { return {Outcome::Kind::Host, {}}; }

std::optional<std::errc> kind_error(const SocketKind& kind) {
  if (kind.domain != AF_INET && kind.domain != AF_INET6) {
    return std::errc::address_family_not_supported;
  }
  const int type = kind.type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (type == SOCK_STREAM) {
    if (kind.protocol == 0 || kind.protocol == IPPROTO_TCP) return std::nullopt;
    return std::errc::protocol_not_supported;
  }
  if (type != SOCK_DGRAM && type != SOCK_RAW) return std::errc{ESOCKTNOSUPPORT};
  const int icmp = kind.domain == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  const bool is_udp = type == SOCK_DGRAM && (kind.protocol == 0 || kind.protocol == IPPROTO_UDP);
  if (!is_udp && kind.protocol != icmp) return std::errc::protocol_not_supported;
  return std::nullopt;
}

IpAddress loopback_of(const IpAddress& ip) {
  if (ip.is_loopback()) return ip;
  return ip.is_v4() ? IpAddress::v4(INADDR_LOOPBACK) : IpAddress::v6(in6addr_loopback.s6_addr);
}

bool overlap(const IpAddress& a, const IpAddress& b, bool a_is_dual, bool b_is_dual) {
  if (a.is_v4() != b.is_v4()) return a_is_dual || b_is_dual;
  return a.is_unspecified() || b.is_unspecified() || a == b;
}

}  // namespace

class Sockets::Impl {
 public:
  Impl(stack::Stack& stack, Poller& poller, ServiceId service) : table(stack, poller, service) {
    table.set_decider([this](const IpAddress& ip, const Policy& own, std::uint32_t index) {
      return decide(ip, own, index);
    });
  }

  std::optional<std::errc> family_error(const Socket& socket, const IpAddress& ip,
                                        bool binds) const;
  bool is_port_taken(const TcpSocket& socket, const Endpoint& local) const;
  // The listener whose port this one is to share, if there is one.
  const TcpListener* sharing_port_with(const TcpListener& listener) const;
  Outcome connect_fresh(TcpSocket& socket, const Endpoint& peer, std::size_t gate_bytes,
                        const Policy& policy);
  Decision decide(const IpAddress& ip, const Policy& policy, std::uint32_t interface_index) const;
  // Nothing: any; an interface of the host has no id.
  struct Device {
    std::uint32_t index = 0;
    std::optional<stack::InterfaceId> id;
    bool is_hosts() const { return index != 0 && !id; }
  };
  Device device(std::uint32_t index) const { return {index, table.stack().find_interface(index)}; }
  bool is_group_of_ours(const Device& device, const IpAddress& ip, const Policy& policy) const;
  // May a socket on this device be bound to this address?
  bool is_bindable(const Device& device, const IpAddress& ip) const;

  SocketTable table;
};

Sockets::Sockets(stack::Stack& stack, Poller& poller, ServiceId service)
    : impl_(std::make_unique<Impl>(stack, poller, service)) {}
Sockets::~Sockets() = default;

Result<Sockets::Created> Sockets::create(const SocketKind& kind, int owner_pid) {
  if (const auto error = kind_error(kind)) return failure(*error);
  if (impl_->table.is_full()) return failure(std::errc::no_buffer_space);
  const SocketKind plain{kind.domain, kind.type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), kind.protocol};
  const bool is_stream = plain.type == SOCK_STREAM;
  const SocketId id = impl_->table.new_id();
  auto pair =
      make_pair(SocketName{impl_->table.service(), id}, is_stream ? SOCK_STREAM : SOCK_SEQPACKET);
  if (!pair) return failure(pair.error());
  auto protocol = is_stream ? nullptr : DatagramProtocol::of(plain, impl_->table.stack());
  std::unique_ptr<Socket> socket;
  if (is_stream) {
    socket = std::make_unique<TcpSocket>(impl_->table, id, plain, owner_pid,
                                         std::move(pair->service_end));
  } else {
    socket = std::make_unique<DatagramSocket>(impl_->table, id, plain, owner_pid,
                                              std::move(protocol), std::move(pair->service_end));
  }
  if (!socket->is_watched()) return failure(std::errc::no_buffer_space);
  impl_->table.add(std::move(socket));
  return Created{id, std::move(pair->application_end)};
}

bool Sockets::exists(SocketId id) const {
  return impl_->table.find(id) != nullptr || impl_->table.find_grave(id) != nullptr;
}

int Sockets::owner_pid(SocketId id) const {
  if (const Socket* const socket = impl_->table.find(id)) return socket->owner_pid();
  const Grave* const grave = impl_->table.find_grave(id);
  return grave == nullptr ? 0 : grave->owner_pid;
}

// Can a socket of this family use this (unmapped) address at all?
std::optional<std::errc> Sockets::Impl::family_error(const Socket& socket, const IpAddress& ip,
                                                     bool binds) const {
  if (socket.kind().domain == AF_INET) {
    return ip.is_v4() ? std::nullopt : std::optional(std::errc::address_family_not_supported);
  }
  if (ip.is_v4() && socket.options().v6_only()) {
    return binds ? std::errc::invalid_argument : std::errc::network_unreachable;
  }
  return std::nullopt;
}

// The part of bind(2)'s rules that lwIP does not know: listeners share by SO_REUSEPORT and not by
// SO_REUSEADDR, and an IPv6 wildcard takes the IPv4 port as well.
bool Sockets::Impl::is_port_taken(const TcpSocket& socket, const Endpoint& local) const {
  if (local.port == 0) return false;
  const auto is_dual = [](const Socket& s, const IpAddress& ip) {
    return s.kind().domain == AF_INET6 && ip.is_unspecified() && !s.options().v6_only();
  };
  for (const auto& [id, other] : table.all()) {
    if (other.get() == &socket || other->is_over()) continue;
    const auto* const listener = dynamic_cast<const TcpListener*>(other.get());
    const auto* const stream = dynamic_cast<const TcpSocket*>(other.get());
    if (listener == nullptr && !(stream != nullptr && stream->is_fresh() && stream->is_bound()))
      continue;
    Endpoint used = other->local();
    if (used.port != local.port) continue;
    used.ip = used.ip.unmapped();
    if (!overlap(used.ip, local.ip, is_dual(*other, used.ip), is_dual(socket, local.ip))) continue;
    const bool both_share = other->options().reuse_port() && socket.options().reuse_port();
    const bool both_reuse = other->options().reuse_address() && socket.options().reuse_address();
    if (both_share || (both_reuse && listener == nullptr)) continue;
    return true;
  }
  return false;
}

const TcpListener* Sockets::Impl::sharing_port_with(const TcpListener& listener) const {
  for (const auto& [id, other] : table.all()) {
    const auto* const candidate = dynamic_cast<const TcpListener*>(other.get());
    if (candidate != nullptr && !candidate->is_over() && listener.shares_port_with(*candidate))
      return candidate;
  }
  return nullptr;
}

Outcome Sockets::bind(SocketId id, const Endpoint& asked, const Policy& policy) {
  Socket* const socket = impl_->table.find(id);
  auto* const stream = dynamic_cast<TcpSocket*>(socket);
  auto* const datagrams = dynamic_cast<DatagramSocket*>(socket);
  const bool may_bind = stream != nullptr ? stream->is_fresh() && !stream->is_bound()
                                          : datagrams != nullptr && !datagrams->is_bound();
  if (!may_bind) return failed(std::errc::invalid_argument);
  const Endpoint local{asked.ip.unmapped(), asked.port, asked.scope};
  // The wildcard of the other family would be written the same way.
  if (const auto error = impl_->family_error(*socket, local.ip, true)) return failed(*error);
  // A scope goes before what the socket was bound to, as in the kernel.
  const std::uint32_t index = local.scope != 0 ? local.scope : socket->options().interface_index();
  const auto device = impl_->device(index);
  const bool may_be_host = policy.egress == Policy::Egress::Split;
  if (local.ip.is_unspecified() && !device.id) {
    if (policy.listen == Policy::Listen::Host) return host();
    if (device.is_hosts()) {
      return may_be_host ? host() : failed(std::errc::address_not_available);
    }
  } else if (local.ip.is_loopback()) {
    if (policy.loopback == Policy::Loopback::Host) return host();
  } else if (datagrams != nullptr && impl_->is_group_of_ours(device, local.ip, policy)) {
    // Heard there, never spoken from.
  } else if (!impl_->is_bindable(device, local.ip)) {
    return may_be_host && !device.id ? host() : failed(std::errc::address_not_available);
  }
  if (datagrams != nullptr) {
    datagrams->set_policy(policy);
    return datagrams->bind(local);
  }
  if (impl_->is_port_taken(*stream, local)) return failed(std::errc::address_in_use);
  return stream->bind(local, device.id);
}

bool Sockets::Impl::is_group_of_ours(const Device& device, const IpAddress& ip,
                                     const Policy& policy) const {
  if (ip.is_multicast()) {
    return device.id || policy.loopback == Policy::Loopback::Virtual ||
           (device.index == 0 && table.stack().group_interface(ip.family()));
  }
  return table.stack().is_broadcast(ip) && !device.is_hosts() &&
         table.stack().group_interface(IpFamily::V4);
}

bool Sockets::Impl::is_bindable(const Device& device, const IpAddress& ip) const {
  if (!device.id) return device.index == 0 && table.stack().is_own(ip);
  if (ip.is_unspecified()) return true;
  // Linux lets a socket on one interface have an IPv4 address of another.
  return table.stack().is_own_on(*device.id, ip) || (ip.is_v4() && table.stack().is_own(ip));
}

Outcome Sockets::connect(SocketId id, const Endpoint& asked, std::size_t gate_bytes,
                         const Policy& policy) {
  Socket* const socket = impl_->table.find(id);
  if (socket == nullptr) {
    // It has failed or ended before; the second connect(2) fetches the error.
    Grave* const grave = impl_->table.find_grave(id);
    if (grave == nullptr || grave->error == std::errc{})
      return failed(std::errc::connection_aborted);
    return failed(std::exchange(grave->error, std::errc{}));
  }
  if (auto* const datagrams = dynamic_cast<DatagramSocket*>(socket)) {
    datagrams->set_policy(policy);
    if (!asked) return datagrams->disconnect();
    return datagrams->connect({asked.ip.unmapped(), asked.port, asked.scope});
  }
  auto* const stream = dynamic_cast<TcpSocket*>(socket);
  if (stream == nullptr) return failed(std::errc::already_connected);  // it listens
  if (!stream->is_fresh()) return stream->connect_again();
  const Endpoint peer{asked.ip.unmapped(), asked.port, asked.scope};
  if (const auto error = impl_->family_error(*stream, peer.ip, false)) return failed(*error);
  return impl_->connect_fresh(*stream, peer, gate_bytes, policy);
}

Outcome Sockets::Impl::connect_fresh(TcpSocket& socket, const Endpoint& peer,
                                     std::size_t gate_bytes, const Policy& policy) {
  // A socket bound to a virtual address cannot speak for the host.
  const bool is_ours = socket.is_bound() && !socket.is_bound_to_wildcard();
  const std::uint32_t bound_to = socket.options().interface_index();
  if (peer.scope != 0 && bound_to != 0 && peer.scope != bound_to)
    return failed(std::errc::invalid_argument);
  const std::uint32_t index = bound_to != 0 ? bound_to : peer.scope;
  const Decision decision = decide(peer.ip, policy, index);
  if (decision.way == Decision::Way::Host && !is_ours) return host();
  // As Linux says it of what is bound to its loopback.
  const bool stays_here = is_ours && socket.local().ip.unmapped().is_loopback();
  if (stays_here && !(decision.hop && table.stack().is_own(decision.hop->next_hop)))
    return failed(std::errc::invalid_argument);
  if (decision.way != Decision::Way::Virtual) return failed(std::errc::network_unreachable);
  // Bound to an IPv4-mapped address: what follows must be one, too.
  if (socket.is_bound() && socket.local().ip.is_v4_mapped() && peer.ip.is_v6())
    return failed(std::errc::address_family_not_supported);
  // The unspecified address has become the loopback's.
  const IpAddress ip = peer.ip.is_unspecified() ? decision.hop->next_hop : peer.ip;
  return socket.connect(*decision.hop, {ip, peer.port, peer.scope}, gate_bytes, device(index).id);
}

Decision Sockets::decide(const IpAddress& ip, const Policy& policy,
                         std::uint32_t interface_index) const {
  return impl_->decide(ip, policy, interface_index);
}

Decision Sockets::Impl::decide(const IpAddress& ip, const Policy& policy,
                               std::uint32_t interface_index) const {
  using Way = Decision::Way;
  using Reason = Decision::Reason;
  const Way elsewhere = policy.egress == Policy::Egress::Split ? Way::Host : Way::Refused;
  if (ip.is_loopback() || ip.is_unspecified()) {
    if (policy.loopback == Policy::Loopback::Host) return {Way::Host, Reason::Loopback, {}};
    if (device(interface_index).id) return {Way::Refused, Reason::NoRoute, {}};
    return {Way::Virtual, Reason::Loopback, table.stack().route(loopback_of(ip))};
  }
  if (ip.is_multicast()) return {Way::Refused, Reason::Multicast, {}};
  const Device by = device(interface_index);
  if (by.is_hosts()) return {elsewhere, Reason::Interface, {}};
  const auto hop = by.id ? table.stack().route_on(*by.id, ip) : table.stack().route(ip);
  // The network was asked for by its name: what it has no way to goes nowhere else.
  if (!hop && by.id) return {Way::Refused, Reason::NoRoute, {}};
  if (hop) return {Way::Virtual, Reason::Route, hop};
  // The kernel knows the host's scopes and says what is wrong with an address without one.
  if (ip.is_v6() && ip.is_link_local()) return {elsewhere, Reason::LinkLocal, {}};
  return {elsewhere, Reason::NoRoute, {}};
}

Outcome Sockets::listen(SocketId id, int backlog, std::size_t, const Policy& policy) {
  Socket* const found = impl_->table.find(id);
  if (auto* const listener = dynamic_cast<TcpListener*>(found)) {
    listener->set_backlog(backlog);
    return {};
  }
  if (dynamic_cast<DatagramSocket*>(found) != nullptr)
    return failed(std::errc::operation_not_supported);
  auto* const socket = dynamic_cast<TcpSocket*>(found);
  if (socket == nullptr || !socket->is_fresh()) return failed(std::errc::invalid_argument);
  if (impl_->device(socket->options().interface_index()).is_hosts()) {
    const bool may_be_host = policy.egress == Policy::Egress::Split;
    return may_be_host ? host() : failed(std::errc::address_in_use);
  }
  if (!socket->is_bound()) {
    const IpAddress wildcard =
        socket->kind().domain == AF_INET ? IpAddress::v4(0) : IpAddress::v6(Bytes(16));
    const Outcome bound = bind(id, {wildcard, 0}, policy);
    if (bound.kind != Outcome::Kind::Done) return bound;
  }
  const bool also_on_host = policy.listen == Policy::Listen::Both && socket->is_bound_to_wildcard();
  const SocketKind kind = socket->kind();
  const int owner = socket->owner_pid();
  TcpSocket::Parts parts = socket->dissolve();
  auto listener = std::make_unique<TcpListener>(impl_->table, id, kind, owner, parts.bound,
                                                std::move(parts.options), backlog);
  const TcpListener* const beside = impl_->sharing_port_with(*listener);
  std::errc error{};
  if (beside != nullptr) {
    parts.pcb.abandon();
    listener->start_beside(*beside, std::move(parts.service_end));
  } else {
    error = listener->start(parts.pcb, std::move(parts.service_end));
  }
  if (error == std::errc{} && also_on_host) error = listener->start_on_host();
  if (error != std::errc{}) listener->stop();
  impl_->table.replace(std::move(listener));
  return error == std::errc{} ? Outcome{} : failed(error);
}

Outcome Sockets::check_send(SocketId id, const Endpoint& to, std::size_t size,
                            std::uint32_t interface_index, const Policy& policy) {
  auto* const socket = dynamic_cast<DatagramSocket*>(impl_->table.find(id));
  if (socket == nullptr) return failed(std::errc::operation_not_supported);
  socket->set_policy(policy);
  return socket->check_send({to.ip.unmapped(), to.port, to.scope}, size, interface_index);
}

Outcome Sockets::return_connection(SocketId id, std::uint64_t connection) {
  auto* const listener = dynamic_cast<TcpListener*>(impl_->table.find(id));
  if (listener == nullptr) return failed(std::errc::invalid_argument);
  const std::errc error = listener->return_connection(SocketId{connection});
  return error == std::errc{} ? Outcome{} : failed(error);
}

Outcome Sockets::shutdown(SocketId id, int how) {
  if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
    return failed(std::errc::invalid_argument);
  Socket* const socket = impl_->table.find(id);
  if (auto* const listener = dynamic_cast<TcpListener*>(socket)) {
    if (how != SHUT_WR) listener->stop();
    return {};
  }
  if (auto* const datagrams = dynamic_cast<DatagramSocket*>(socket)) {
    datagrams->shut_down(how);
    return datagrams->is_connected() ? Outcome{} : failed(std::errc::not_connected);
  }
  auto* const stream = dynamic_cast<TcpSocket*>(socket);
  if (stream == nullptr || stream->is_fresh()) return failed(std::errc::not_connected);
  stream->give_up_connecting();
  return {};
}

Result<Endpoint> Sockets::local_name(SocketId id) const {
  if (const Socket* const socket = impl_->table.find(id)) return socket->local();
  if (const Grave* const grave = impl_->table.find_grave(id)) return grave->local;
  return failure(std::errc::bad_file_descriptor);
}

Result<Endpoint> Sockets::peer_name(SocketId id) const {
  const Socket* const socket = impl_->table.find(id);
  const Endpoint peer = socket == nullptr ? Endpoint{} : socket->peer();
  if (!peer) return failure(std::errc::not_connected);
  return peer;
}

int Sockets::take_error(SocketId id) {
  if (Socket* const socket = impl_->table.find(id)) return static_cast<int>(socket->take_error());
  Grave* const grave = impl_->table.find_grave(id);
  return grave == nullptr ? 0 : static_cast<int>(std::exchange(grave->error, std::errc{}));
}

std::optional<Bytes> Sockets::take_error_message(SocketId id) {
  auto* const socket = dynamic_cast<DatagramSocket*>(impl_->table.find(id));
  return socket == nullptr ? std::nullopt : socket->take_error_message();
}

Result<std::optional<Bytes>> Sockets::get_option(SocketId id, int level, int name,
                                                 std::size_t size) {
  const bool is_error = level == SOL_SOCKET && name == SO_ERROR;
  if (is_error) {
    const int error = take_error(id);
    const auto* const from = reinterpret_cast<const std::uint8_t*>(&error);
    return Bytes(from, from + std::min(size, sizeof error));
  }
  if (const Socket* const socket = impl_->table.find(id))
    return socket->get_option(level, name, size);
  const Grave* const grave = impl_->table.find_grave(id);
  if (grave == nullptr) return failure(std::errc::bad_file_descriptor);
  // Enough for what is asked of any socket; the rest is as if never set.
  Options::Facts facts;
  facts.domain = grave->kind.domain;
  facts.type = grave->kind.type;
  facts.protocol = grave->kind.protocol;
  if (facts.protocol == 0)
    facts.protocol = grave->kind.type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  facts.is_bound = true;
  facts.stack = &impl_->table.stack();
  Options options;
  for (const RememberedOption& option : grave->options) {
    static_cast<void>(options.set(option.level, option.name, option.value, Options::Facts{}));
  }
  return options.get(level, name, size, facts);
}

Result<bool> Sockets::set_option(SocketId id, int level, int name, ByteView value) {
  if (Socket* const socket = impl_->table.find(id)) return socket->set_option(level, name, value);
  // Nothing depends on it any more; programs set options on connections that just ended.
  if (impl_->table.find_grave(id) != nullptr) return true;
  return failure(std::errc::bad_file_descriptor);
}

std::vector<Sockets::RememberedOption> Sockets::remembered_options(SocketId id) const {
  std::vector<RememberedOption> list;
  if (const Socket* const socket = impl_->table.find(id)) {
    for (const Options::Remembered& option : socket->options().remembered()) {
      list.push_back({option.level, option.name, option.value});
    }
  } else if (const Grave* const grave = impl_->table.find_grave(id)) {
    list = grave->options;
  }
  return list;
}

Result<SocketKind> Sockets::kind(SocketId id) const {
  if (const Socket* const socket = impl_->table.find(id)) return socket->kind();
  if (const Grave* const grave = impl_->table.find_grave(id)) return grave->kind;
  return failure(std::errc::bad_file_descriptor);
}

std::uint64_t Sockets::unsent_bytes(SocketId id) const {
  const Socket* const socket = impl_->table.find(id);
  return socket == nullptr ? 0 : socket->unsent_bytes();
}

Result<std::optional<UniqueFd>> Sockets::await_sent(SocketId id) {
  TcpSocket* const socket = impl_->table.find_tcp(id);
  if (socket == nullptr || !socket->is_lingering()) return std::optional<UniqueFd>();
  auto waiter = socket->make_lingerer();
  if (!waiter) return failure(waiter.error());
  return std::optional(std::move(*waiter));
}

std::vector<SocketInfo> Sockets::list() const {
  std::vector<SocketInfo> list;
  for (const auto& [id, socket] : impl_->table.all()) {
    if (socket->is_over()) continue;
    SocketInfo info;
    info.id = id;
    info.kind = socket->kind();
    info.state = socket->state();
    info.local = socket->local();
    info.peer = socket->peer();
    info.unsent_bytes = socket->unsent_bytes();
    info.unread = socket->unread();
    info.owner_pid = socket->owner_pid();
    list.push_back(std::move(info));
  }
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return list;
}

bool Sockets::is_drained() const {
  for (const auto& [id, socket] : impl_->table.all()) {
    const auto* const stream = dynamic_cast<const TcpSocket*>(socket.get());
    if (stream != nullptr && !stream->is_over() && stream->is_lingering()) return false;
  }
  return !stack::is_finishing_alone();
}

bool Sockets::is_in_use() const {
  const auto& all = impl_->table.all();
  return std::any_of(all.begin(), all.end(), [](const auto& entry) {
    return !entry.second->is_over() && entry.second->is_held();
  });
}

std::uint64_t Sockets::unsent_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [id, socket] : impl_->table.all()) {
    if (!socket->is_over()) bytes += socket->unsent_bytes();
  }
  return bytes;
}

void Sockets::close_sockets_of(int owner_pid) {
  for (const auto& [id, socket] : impl_->table.all()) {
    if (!socket->is_over() && socket->owner_pid() == owner_pid) socket->application_closed();
  }
}

void Sockets::on_deadline(Time now) { impl_->table.run(now); }
Time Sockets::next_deadline() const { return impl_->table.next_deadline(); }

}  // namespace ztshim::sockets
