#include "service/sockets/tcp_listener.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/log.h"
#include "common/real.h"
#include "service/sockets/constants.h"
#include "service/sockets/pair.h"
#include "service/sockets/tcp_socket.h"

namespace ztshim::sockets {
namespace {

constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr SocketId kHostConnection{0};

// Linux lets one more than the backlog wait, and takes 0 for 1 and a negative number for the most.
std::size_t capacity(int backlog) {
  const int within = backlog < 0 ? kMaxBacklog : std::min(backlog, kMaxBacklog);
  return static_cast<std::size_t>(within) + 1;
}

}  // namespace

TcpListener::TcpListener(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid,
                         const Endpoint& bound, Options options, int backlog)
    : Socket(hub, id, kind, owner_pid), bound_(bound), backlog_(backlog) {
  options_ = std::move(options);
}

TcpListener::~TcpListener() { leave_group(); }

std::errc TcpListener::start(stack::Pcb& bound_pcb, UniqueFd service_end) {
  watch(std::move(service_end), kEvents);
  auto opened = ListenGroup::open(bound_pcb, *this);
  if (!opened) return opened.error();
  group_ = std::move(*opened);
  log(LogArea::Sockets, LogLevel::Debug, "sock={} listens on {} backlog={}",
      static_cast<std::uint64_t>(id_), bound_.text(), backlog_);
  return {};
}

void TcpListener::start_beside(const TcpListener& other, UniqueFd service_end) {
  watch(std::move(service_end), kEvents);
  group_ = other.group_;
  group_->join(*this);
}

bool TcpListener::shares_port_with(const TcpListener& other) const {
  return options_.reuse_port() && other.options_.reuse_port() && bound_ == other.bound_ &&
         options_.v6_only() == other.options_.v6_only() && other.group_ != nullptr;
}

void TcpListener::leave_group() {
  if (group_) std::exchange(group_, nullptr)->leave(*this);
}

std::errc TcpListener::start_on_host() {
  auto opened = HostListener::open(hub_.poller(), bound_, kind_.domain, options_.v6_only(),
                                   options_.reuse_port(), backlog_, [this] {
                                     host_ready_ = true;
                                     hub_.soon(*this);
                                   });
  if (!opened) return opened.error();
  host_ = std::move(*opened);
  return {};
}

void TcpListener::set_backlog(int backlog) {
  backlog_ = backlog;
  if (host_) host_->set_backlog(backlog);
}

void TcpListener::stop() {
  leave_group();
  host_.reset();
  reset_waiting();
}

Options::Facts TcpListener::facts() const {
  Options::Facts facts;
  facts.domain = kind_.domain;
  facts.type = kind_.type;
  facts.protocol = IPPROTO_TCP;
  facts.is_listening = group_ != nullptr;
  facts.is_bound = true;
  facts.stack = &hub_.stack();
  return facts;
}

Result<std::optional<Bytes>> TcpListener::get_option(int level, int name, std::size_t size) const {
  return options_.get(level, name, size, facts());
}

Result<bool> TcpListener::set_option(int level, int name, ByteView value) {
  const auto done = options_.set(level, name, value, facts());
  if (!done) return failure(done.error());
  // The pair's buffers carry messages here, not data.
  if (level == SOL_SOCKET && name == SO_SNDBUF) return true;
  return *done == Options::Set::Done;
}

std::size_t TcpListener::room() {
  const std::size_t most = capacity(backlog_);
  // Those under way are unaccepted as far as we know; the count is brought up to date when it
  // matters.
  if (waiting_.size() + in_flight_.size() >= most) note_taken();
  return most - std::min(most, waiting_.size() + in_flight_.size());
}

bool TcpListener::take(stack::Pcb&& connection) {
  TcpSocket* const accepted = hub_.adopt(std::move(connection), kind_, owner_pid_, options_);
  if (accepted == nullptr) return false;
  accepted->set_listener(id_);
  waiting_.push_back(accepted->id());
  hub_.soon(*this);
  return true;
}

void TcpListener::on_ready(std::uint32_t events) {
  if ((events & EPOLLHUP) != 0) application_gone_ = true;
  hub_.soon(*this);
}

void TcpListener::application_closed() {
  application_gone_ = true;
  hub_.soon(*this);
}

void TcpListener::advance() {
  if (is_over_) return;
  if (application_gone_) {
    log(LogArea::Sockets, LogLevel::Debug, "sock={} listens on {} no more",
        static_cast<std::uint64_t>(id_), bound_.text());
    stop();
    drop_fd();
    hub_.arm(*this, kNever);
    is_over_ = true;
    return;
  }
  note_taken();
  announce();
}

void TcpListener::reset_waiting() {
  for (const SocketId id : waiting_) {
    if (TcpSocket* const connection = hub_.find_tcp(id)) connection->refuse();
  }
  waiting_.clear();
  for (const SocketId id : in_flight_) {
    if (TcpSocket* const connection = hub_.find_tcp(id)) connection->listener_closed();
  }
  in_flight_.clear();
}

void TcpListener::note_taken() {
  if (in_flight_.empty() || !fd_ || application_gone_) return;
  const std::size_t memory = unread_by_peer(fd_.get());
  const std::size_t unread = memory / std::max<std::size_t>(message_memory_, 1);
  while (in_flight_.size() > unread) {
    if (TcpSocket* const connection = hub_.find_tcp(in_flight_.front())) connection->taken();
    in_flight_.pop_front();
  }
}

void TcpListener::announce() {
  if (!group_) return;
  while (in_flight_.size() < kMaxInFlight && !waiting_.empty()) {
    if (!announce_one(waiting_.front())) return hub_.arm(*this, now() + kDescriptorRetry);
    waiting_.pop_front();
  }
  while (host_ && host_ready_ && in_flight_.size() < kMaxInFlight) {
    if (!announce_from_host()) break;
  }
}

// False when a descriptor was missing: try later.
bool TcpListener::announce_one(SocketId id) {
  TcpSocket* const connection = hub_.find_tcp(id);
  if (connection == nullptr) return true;
  auto pair = make_pair(SocketName{hub_.service(), id}, SOCK_STREAM);
  if (!pair) return false;
  // The seed: the byte that is unread in the service's end from the beginning (fd_contract.h).
  const std::array<std::uint8_t, kSeedSize> seed{};
  const iovec seed_bytes{const_cast<std::uint8_t*>(seed.data()), seed.size()};
  if (write_some(pair->application_end.get(), {&seed_bytes, 1}) !=
      static_cast<ssize_t>(seed.size())) {
    return false;
  }
  if (!send_message(id, connection->peer(), connection->local(), pair->application_end.get()))
    return false;
  connection->hand_over(std::move(pair->service_end));
  in_flight_.push_back(id);
  return true;
}

bool TcpListener::announce_from_host() {
  auto accepted = host_->accept();
  if (!accepted) {
    host_ready_ = errno == EMFILE || errno == ENFILE;
    if (host_ready_) hub_.arm(*this, now() + kDescriptorRetry);
    return false;
  }
  // Lost when the message cannot be sent; the kernel resets it then.
  if (!send_message(kHostConnection, accepted->peer, accepted->local, accepted->fd.get()))
    return false;
  in_flight_.push_back(kHostConnection);
  return true;
}

bool TcpListener::send_message(SocketId connection, const Endpoint& peer, const Endpoint& local,
                               int fd) {
  AcceptMessage message;
  message.connection = static_cast<std::uint64_t>(connection);
  message.peer = peer;
  message.local = local;
  std::array<std::uint8_t, AcceptMessage::kSize> bytes;
  message.write(bytes);
  const std::size_t before = message_memory_ == 0 ? unread_by_peer(fd_.get()) : 0;
  if (write_with_fd(fd_.get(), bytes, fd) != static_cast<ssize_t>(bytes.size())) {
    log(LogArea::Sockets, LogLevel::Debug, "sock={} cannot announce a connection: {}",
        static_cast<std::uint64_t>(id_), std::strerror(errno));
    return false;
  }
  // One more unread message than the moment before; if it was read already, the next one tells.
  if (message_memory_ == 0) {
    const std::size_t after = unread_by_peer(fd_.get());
    message_memory_ = after - std::min(before, after);
  }
  return true;
}

std::errc TcpListener::return_connection(SocketId connection) {
  TcpSocket* const socket = hub_.find_tcp(connection);
  if (socket == nullptr || socket->listener() != id_ || !socket->take_back())
    return std::errc::invalid_argument;
  in_flight_.erase(std::remove(in_flight_.begin(), in_flight_.end(), connection), in_flight_.end());
  waiting_.push_front(connection);
  hub_.soon(*this);
  return {};
}

}  // namespace ztshim::sockets
