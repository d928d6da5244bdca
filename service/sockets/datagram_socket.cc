#include "service/sockets/datagram_socket.h"

#include <linux/errqueue.h>
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

std::int64_t wall_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

DatagramSocket::DatagramSocket(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid,
                               std::unique_ptr<DatagramProtocol> protocol, UniqueFd service_end)
    : Socket(hub, id, kind, owner_pid),
      protocol_(std::move(protocol)),
      memberships_(hub.stack().groups()) {
  watch(std::move(service_end), EPOLLIN | EPOLLRDHUP);
}

DatagramSocket::~DatagramSocket() { leave_port(); }

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
    memberships_.leave_all();
    host_.reset();
    drop_fd();
    is_over_ = true;
    return;
  }
  // The end of its writing half would wake us for ever.
  if (application_shut_) watch_for(0);
  if (std::exchange(host_ready_, false)) receive_from_host();
  deliver();
}

void DatagramSocket::send_waiting() {
  DatagramBatch& batch = hub_.batch();
  while (fd_ && batch.read(fd_.get())) {
    for (std::size_t i = 0; i < batch.size(); ++i) send(batch.message(i));
    if (batch.size() < DatagramBatch::kMost) return;
  }
}

// Nothing in a message is to be trusted: whoever has the fd may write anything.
void DatagramSocket::send(ByteView message) {
  if (message.empty()) return;
  const SocketName name{hub_.service(), id_};
  const auto header = DatagramHeader::read(message, name);
  std::errc error{};
  if (header) {
    Wishes wishes;
    wishes.source = header->local.ip.unmapped();
    if (wishes.source.is_unspecified()) wishes.source = {};
    wishes.interface_index = header->interface_index;
    wishes.hop_limit = std::min<int>(header->hop_limit, 255);
    wishes.traffic_class = std::min<int>(header->traffic_class, 255);
    const Endpoint to = header->remote ? Endpoint{header->remote.ip.unmapped(), header->remote.port,
                                                  header->remote.scope}
                                       : peer_;
    error = send_to(to, wishes, message.subspan(DatagramHeader::kSize));
  } else if (DatagramHeader::begins_with_mark(message, name)) {
    error = std::errc::bad_message;
  } else {
    error = send_to(peer_, {}, message);
  }
  if (error == std::errc{}) return;
  ++send_drops_;
  log(LogArea::Sockets, LogLevel::Debug, "sock={} dropped a datagram: {}",
      static_cast<std::uint64_t>(id_), std::make_error_code(error).message());
}

std::errc DatagramSocket::send_to(const Endpoint& to, const Wishes& wishes, ByteView payload) {
  if (is_shut_for_writing_ && !application_gone_) return std::errc::broken_pipe;
  if (!to) return std::errc::destination_address_required;
  if (to.port == 0 && protocol_->has_ports()) return std::errc::invalid_argument;
  auto way = way_to(to, wishes);
  if (!way) return way.error();
  if (way->is_group && !to.ip.is_multicast() && !options_.broadcast())
    return std::errc::permission_denied;
  if (const std::errc error = check_size(to, *way, payload.size()); error != std::errc{})
    return error;
  if (port_ == 0) {
    if (const std::errc error = enter_port(0); error != std::errc{}) return error;
  }
  if (way->is_host) {
    if (const std::errc error = open_host({}); error != std::errc{}) return error;
    return host_->send(
        {to, wishes.source, way->host_interface, wishes.hop_limit, wishes.traffic_class, payload});
  }
  const int discover = to.ip.is_v4() ? options_.mtu_discover() : 0;
  const std::size_t packet = payload.size() + protocol_->header_size() + 20;
  way->packet.dont_fragment = discover == IP_PMTUDISC_DO || discover == IP_PMTUDISC_PROBE ||
                              (discover == IP_PMTUDISC_WANT &&
                               packet <= hub_.stack().path_mtu(way->packet.interface, to.ip));
  const Endpoint target{to.ip.is_unspecified() ? way->packet.source : to.ip, to.port};
  return protocol_->send(port_, target, way->packet, payload);
}

// ---------------------------------------------------------------- to the application

void DatagramSocket::on_datagram(const stack::Datagram& datagram) {
  if (is_shut_for_reading_ || is_over_ || !protocol_->wants(datagram)) return;
  if (datagram.to.ip.is_multicast() &&
      !memberships_.allows(datagram.interface, datagram.to.ip, datagram.from.ip,
                           datagram_options_.multicast_all(datagram.to.ip.is_v6()))) {
    return;
  }
  Arrival arrival{datagram, hub_.stack().index_of(datagram.interface), wall_ns(), {}};
  arrival.datagram.from.scope = index_for(datagram.from.ip, datagram.interface);
  arrival.datagram.to.scope = index_for(datagram.to.ip, datagram.interface);
  arrivals_.push_back(std::move(arrival));
  hub_.soon(*this);
}

void DatagramSocket::on_icmp_error(const stack::IcmpError& error) {
  const bool is_v6 = error.remote.ip.is_v6();
  const bool is_too_big = error.mtu != 0;
  if (is_too_big) {
    const int discover = is_v6 ? options_.v6_mtu_discover() : options_.mtu_discover();
    const bool asks = is_v6 ? discover == IPV6_PMTUDISC_DO : discover != IP_PMTUDISC_DONT;
    if (!asks) return;
  }
  const std::errc told = is_too_big ? std::errc::message_size : error.error;
  if (datagram_options_.wants_errors(is_v6)) {
    queue_error(error);
    tell_error(told);
  } else if (peer_ && (is_too_big || error.is_hard)) {
    tell_error(told);
  }
}

void DatagramSocket::queue_error(stack::IcmpError error) {
  if (error.mtu != 0) error.error = std::errc::message_size;
  if (errors_.size() < kMostQueuedErrors) errors_.push_back(std::move(error));
}

std::optional<Bytes> DatagramSocket::take_error_message() {
  if (errors_.empty()) return std::nullopt;
  const stack::IcmpError error = std::move(errors_.front());
  errors_.pop_front();
  const bool is_local = !error.from;
  DatagramError told;
  told.domain = kind_.domain;
  told.error = error.error;
  if (is_local) {
    told.origin = SO_EE_ORIGIN_LOCAL;
  } else {
    told.origin = error.remote.ip.is_v6() ? SO_EE_ORIGIN_ICMP6 : SO_EE_ORIGIN_ICMP;
    told.offender = in_family({error.from, 0});
  }
  told.type = error.type;
  told.code = error.code;
  told.info = error.mtu;
  told.destination = in_family(error.remote);
  Bytes message(DatagramError::kSize);
  told.write(std::span<std::uint8_t, DatagramError::kSize>(message));
  const std::size_t quoted = std::min(error.quoted.size(), DatagramError::kMostQuoted);
  append(message, ByteView(error.quoted).first(quoted));
  if (is_local) return message;
  // What the next call is told is the next one's (Linux' sock_dequeue_err_skb).
  pending_error_ = {};
  const auto next = std::find_if(errors_.begin(), errors_.end(),
                                 [](const stack::IcmpError& e) { return bool{e.from}; });
  if (next != errors_.end()) tell_error(next->error);
  return message;
}

// The next call fails with it, once.
void DatagramSocket::tell_error(std::errc error) {
  const bool is_told_already = pending_error_ != std::errc{};
  pending_error_ = error;
  if (is_told_already) return;
  Arrival arrival;
  arrival.error = error;
  arrivals_.push_back(std::move(arrival));
  hub_.soon(*this);
}

void DatagramSocket::receive_from_host() {
  for (HostDatagrams::Incoming& incoming : host_->receive()) {
    if (is_shut_for_reading_) continue;
    Arrival arrival;
    arrival.datagram.from = incoming.from;
    arrival.datagram.to = incoming.to;
    if (arrival.datagram.to.ip.needs_scope()) arrival.datagram.to.scope = incoming.interface_index;
    arrival.datagram.hop_limit = incoming.hop_limit;
    arrival.datagram.traffic_class = incoming.traffic_class;
    arrival.datagram.payload = std::move(incoming.payload);
    arrival.interface_index = incoming.interface_index;
    arrival.received_ns = wall_ns();
    // A connected socket has its peer on a network of ours.
    if (!peer_) arrivals_.push_back(std::move(arrival));
  }
}

DatagramHeader DatagramSocket::header_for(const Arrival& arrival) const {
  DatagramHeader header;
  header.socket = {hub_.service(), id_};
  header.domain = kind_.domain;
  if (arrival.error != std::errc{}) {
    header.kind = DatagramHeader::Kind::Error;
    header.error = arrival.error;
    return header;
  }
  header.wanted = datagram_options_.wanted();
  header.remote = in_family(arrival.datagram.from);
  header.local = in_family(arrival.datagram.to);
  header.interface_index = arrival.interface_index;
  header.hop_limit = arrival.datagram.hop_limit;
  header.traffic_class = arrival.datagram.traffic_class;
  header.received_ns = arrival.received_ns;
  return header;
}

bool DatagramSocket::must_have_header(const Arrival& arrival) const {
  if (arrival.error != std::errc{} || !peer_ || datagram_options_.wanted() != 0) return true;
  if (arrival.datagram.payload.size() == 0) return true;
  std::array<std::uint8_t, DatagramHeader::kMarkSize> start{};
  arrival.datagram.payload.copy_to(start);
  return DatagramHeader::begins_with_mark(start, {hub_.service(), id_});
}

bool DatagramSocket::write_message(const Arrival& arrival) {
  // Reassembled datagrams come in pieces, one for each fragment.
  constexpr std::size_t kPieces = 64;
  std::array<std::uint8_t, DatagramHeader::kSize> header;
  std::array<iovec, kPieces + 1> vectors;
  std::size_t count = 0;
  if (must_have_header(arrival)) {
    header_for(arrival).write(header);
    vectors[count++] = {header.data(), header.size()};
  }
  const stack::PbufHandle& payload = arrival.datagram.payload;
  const std::size_t pieces = payload.describe(std::span(vectors).subspan(count));
  if (pieces == 0 && payload.size() > 0) {  // more of them than fit
    Bytes whole(payload.size());
    payload.copy_to(whole);
    vectors[count] = {whole.data(), whole.size()};
    return write_some(fd_.get(), std::span(vectors).first(count + 1)) >= 0;
  }
  return write_some(fd_.get(), std::span(vectors).first(count + pieces)) >= 0;
}

void DatagramSocket::deliver() {
  if (arrivals_.empty()) return;
  // What the application has not read, in the kernel's measure, which is also SO_RCVBUF's.
  const std::size_t limit = options_.receive_limit();
  std::size_t waiting = limit == 0 ? 0 : unread_by_peer(fd_.get());
  for (const Arrival& arrival : arrivals_) {
    // One that is larger than all the room finds its way in when there is some left.
    const bool is_full = limit != 0 && waiting > limit;
    if (is_full || !write_message(arrival)) {
      ++receive_drops_;
    } else if (limit != 0) {
      waiting = unread_by_peer(fd_.get());
    }
  }
  arrivals_.clear();
}

}  // namespace ztshim::sockets
