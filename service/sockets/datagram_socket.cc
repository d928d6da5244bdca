#include "service/sockets/datagram_socket.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "common/log.h"
#include "common/real.h"
#include "service/sockets/constants.h"
#include "service/sockets/datagram_batch.h"
#include "service/sockets/pair.h"

namespace ztshim::sockets {
namespace {

Outcome failed(std::errc error) { return {Outcome::Kind::Failed, error}; }

std::int64_t wall_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

DatagramSocket::DatagramSocket(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid,
                               UniqueFd service_end)
    : Socket(hub, id, kind, owner_pid) {
  watch(std::move(service_end), EPOLLIN | EPOLLRDHUP);
}

DatagramSocket::~DatagramSocket() { leave_port(); }

// ---------------------------------------------------------------- names

stack::Claim DatagramSocket::claim() const {
  stack::Claim claim;
  const IpAddress own = bound_ && !bound_.is_unspecified() ? bound_ : source_;
  claim.local = own;
  const bool is_dual = kind_.domain == AF_INET6 && !options_.v6_only();
  claim.takes_v4 = own ? own.is_v4() : kind_.domain == AF_INET || is_dual;
  claim.takes_v6 = own ? own.is_v6() : kind_.domain == AF_INET6;
  // Bound to ::ffff:0.0.0.0.
  if (!own && kind_.domain == AF_INET6 && bound_.is_v4()) claim.takes_v6 = false;
  claim.port = port_;
  claim.peer = peer_;
  claim.interface = hub_.stack().find_interface(options_.interface_index());
  claim.reuse_address = options_.reuse_address();
  claim.reuse_port = options_.reuse_port();
  return claim;
}

std::errc DatagramSocket::enter_port(std::uint16_t port) {
  stack::Claim wanted = claim();
  wanted.port = port;
  const auto entered = hub_.stack().udp().ports().enter(*this, wanted);
  if (!entered) return entered.error();
  port_ = *entered;
  return {};
}

void DatagramSocket::leave_port() {
  if (port_ != 0) hub_.stack().udp().ports().leave(*this, port_);
  port_ = 0;
}

Outcome DatagramSocket::bind(const Endpoint& local) {
  if (port_ != 0) return failed(std::errc::invalid_argument);
  bound_ = local.ip;
  if (const std::errc error = enter_port(local.port); error != std::errc{}) {
    bound_ = {};
    return failed(error);
  }
  chose_port_ = local.port != 0;
  if (local.scope != 0) options_.bind_to_interface(local.scope);
  if (local.ip.is_v6() && !local.ip.is_unspecified()) options_.become_v6_only();
  return {};
}

Outcome DatagramSocket::connect(const Endpoint& peer) {
  send_waiting();
  const auto way = way_to(peer, {}, peer.scope);
  if (!way) return failed(way.error());
  if (way->is_host) return {Outcome::Kind::Host, {}};
  if (port_ == 0) {
    if (const std::errc error = enter_port(0); error != std::errc{}) return failed(error);
  }
  source_ = way->packet.source;
  peer_ = peer;
  if (peer.scope != 0) options_.bind_to_interface(peer.scope);
  hub_.stack().udp().ports().change(*this, claim());
  return {};
}

// Linux keeps what bind() has said and forgets the rest.
Outcome DatagramSocket::disconnect() {
  send_waiting();
  peer_ = {};
  source_ = {};
  if (port_ == 0) return {};
  if (chose_port_) {
    hub_.stack().udp().ports().change(*this, claim());
  } else {
    leave_port();
    if (bound_.is_unspecified()) bound_ = {};
  }
  return {};
}

Endpoint DatagramSocket::local() const {
  const IpAddress own = bound_ && !bound_.is_unspecified() ? bound_ : source_;
  return in_family({own ? own : IpAddress::v4(0), port_});
}

// ---------------------------------------------------------------- ways out

std::errc DatagramSocket::check_family(const IpAddress& ip) const {
  if (kind_.domain == AF_INET)
    return ip.is_v4() ? std::errc{} : std::errc::address_family_not_supported;
  const IpAddress own = bound_ ? bound_ : source_;
  if (ip.is_v4() && (options_.v6_only() || (own.is_v6() && !own.is_unspecified())))
    return std::errc::network_unreachable;
  if (ip.is_v6() && own.is_v4()) return std::errc::address_family_not_supported;
  return {};
}

Result<DatagramSocket::Way> DatagramSocket::way_to(const Endpoint& to, const IpAddress& source,
                                                   std::uint32_t interface_index) const {
  if (const std::errc error = check_family(to.ip); error != std::errc{}) return failure(error);
  const std::uint32_t bound_to = options_.interface_index();
  std::uint32_t index = to.scope != 0 ? to.scope : interface_index;
  if (bound_to != 0 && index != 0 && index != bound_to) return failure(std::errc::invalid_argument);
  if (bound_to != 0) index = bound_to;
  Way way;
  IpAddress own = bound_ && !bound_.is_unspecified() ? bound_ : source_;
  if (source) own = source;
  if (own && (own.family() != to.ip.family() || !hub_.stack().is_own(own)))
    return failure(std::errc::invalid_argument);
  Policy policy = policy_;
  // What has a virtual address cannot speak for the host.
  if (own) policy.egress = Policy::Egress::Virtual;
  const Decision decision = hub_.decide(to.ip, policy, index);
  if (decision.way == Decision::Way::Refused) return failure(std::errc::network_unreachable);
  if (decision.way == Decision::Way::Host) {
    way.is_host = true;
    return way;
  }
  way.packet.interface = decision.hop->interface;
  way.packet.source = own ? own : decision.hop->source;
  return way;
}

Outcome DatagramSocket::check_send(const Endpoint& to, std::size_t size,
                                   std::uint32_t interface_index) {
  if (is_shut_for_writing_) return failed(std::errc::broken_pipe);
  const Endpoint destination = to ? to : peer_;
  if (!destination) return failed(std::errc::destination_address_required);
  if (destination.port == 0) return failed(std::errc::invalid_argument);
  if (size > (destination.ip.is_v4() ? kMaxDatagram4 : kMaxDatagram6))
    return failed(std::errc::message_size);
  const auto way = way_to(destination, {}, interface_index);
  if (!way) return failed(way.error());
  if (way->is_host) return failed(std::errc::network_unreachable);
  if (port_ == 0) {
    // sendto(2)'s word for it.
    if (enter_port(0) != std::errc{}) return failed(std::errc::resource_unavailable_try_again);
  }
  return {};
}

// ---------------------------------------------------------------- from the application

void DatagramSocket::on_ready(std::uint32_t events) {
  if ((events & EPOLLHUP) != 0) application_gone_ = true;
  if ((events & EPOLLRDHUP) != 0) application_shut_ = true;
  hub_.soon(*this);
}

void DatagramSocket::application_closed() {
  application_gone_ = true;
  hub_.soon(*this);
}

void DatagramSocket::shut_down(int how) {
  send_waiting();
  if (how != SHUT_WR) is_shut_for_reading_ = true;
  if (how != SHUT_RD) is_shut_for_writing_ = true;
}

void DatagramSocket::advance() {
  if (is_over_) return;
  send_waiting();
  if (application_gone_) {
    leave_port();
    drop_fd();
    is_over_ = true;
    return;
  }
  // The end of its writing half would wake us for ever.
  if (application_shut_) watch_for(0);
  deliver();
}

void DatagramSocket::send_waiting() {
  DatagramBatch& batch = hub_.batch();
  while (fd_ && batch.read(fd_.get())) {
    for (std::size_t i = 0; i < batch.size(); ++i) send(batch.message(i));
    if (batch.size() < DatagramBatch::kMost) return;
  }
}

void DatagramSocket::send(ByteView message) {
  if (message.empty()) return;
  const SocketName name{hub_.service(), id_};
  const auto header = DatagramHeader::read(message, name);
  if (!header && DatagramHeader::begins_with_mark(message, name)) {
    ++send_drops_;
    return;
  }
  Endpoint to = peer_;
  IpAddress source;
  std::uint32_t interface_index = 0;
  if (header) {
    message = message.subspan(DatagramHeader::kSize);
    if (header->remote)
      to = {header->remote.ip.unmapped(), header->remote.port, header->remote.scope};
    source = header->local.ip.unmapped();
    interface_index = header->interface_index;
  }
  std::errc error = std::errc::destination_address_required;
  if (to && to.port != 0) {
    const auto way = way_to(to, source, interface_index);
    error = way ? std::errc{} : way.error();
    if (way && port_ == 0) error = enter_port(0);
    if (error == std::errc{} && way->is_host) error = std::errc::network_unreachable;
    if (error == std::errc{}) error = hub_.stack().udp().send(port_, to, way->packet, message);
  }
  if (error != std::errc{}) ++send_drops_;
}

// ---------------------------------------------------------------- to the application

void DatagramSocket::on_datagram(const stack::Datagram& datagram) {
  if (is_shut_for_reading_) return;
  received_.push_back(datagram);
  hub_.soon(*this);
}

void DatagramSocket::on_icmp_error(const stack::IcmpError&) {}

DatagramHeader DatagramSocket::header_for(const stack::Datagram& datagram) const {
  DatagramHeader header;
  header.socket = {hub_.service(), id_};
  header.domain = kind_.domain;
  header.remote = in_family(datagram.from);
  header.local = in_family(datagram.to);
  header.hop_limit = datagram.hop_limit;
  header.traffic_class = datagram.traffic_class;
  header.received_ns = wall_ns();
  return header;
}

bool DatagramSocket::must_have_header(const stack::Datagram& datagram) const {
  if (!peer_ || datagram.payload.size() == 0) return true;
  std::array<std::uint8_t, DatagramHeader::kMarkSize> start{};
  datagram.payload.copy_to(start);
  return DatagramHeader::begins_with_mark(start, {hub_.service(), id_});
}

void DatagramSocket::deliver() {
  // Reassembled datagrams come in pieces, at most one for each fragment.
  constexpr std::size_t kPieces = 64;
  for (const stack::Datagram& datagram : received_) {
    std::array<std::uint8_t, DatagramHeader::kSize> header;
    std::array<iovec, kPieces> vectors;
    std::size_t count = 0;
    if (must_have_header(datagram)) {
      header_for(datagram).write(header);
      vectors[count++] = {header.data(), header.size()};
    }
    count += datagram.payload.describe(std::span(vectors).subspan(count));
    if (write_some(fd_.get(), std::span(vectors).first(count)) < 0) ++receive_drops_;
  }
  received_.clear();
}

// ---------------------------------------------------------------- options

Options::Facts DatagramSocket::facts() const {
  Options::Facts facts;
  facts.domain = kind_.domain;
  facts.type = kind_.type;
  facts.protocol = IPPROTO_UDP;
  facts.is_bound = port_ != 0;
  facts.stack = &hub_.stack();
  return facts;
}

Result<std::optional<Bytes>> DatagramSocket::get_option(int level, int name,
                                                        std::size_t size) const {
  return options_.get(level, name, size, facts());
}

Result<bool> DatagramSocket::set_option(int level, int name, ByteView value) {
  const auto done = options_.set(level, name, value, facts());
  if (!done) return failure(done.error());
  if (port_ != 0) hub_.stack().udp().ports().change(*this, claim());
  return *done == Options::Set::Done;
}

}  // namespace ztshim::sockets
