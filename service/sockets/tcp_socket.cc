#include "service/sockets/tcp_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"
#include "service/sockets/constants.h"
#include "service/sockets/pair.h"

namespace ztshim::sockets {
namespace {

// Edge-triggered: the byte that is never consumed would wake us for ever otherwise.
constexpr std::uint32_t kInward = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t kBoth = kInward | EPOLLOUT;

Outcome failed(std::errc error) { return {Outcome::Kind::Failed, error}; }

stack::Pcb::Kind pcb_kind(const SocketKind& kind, const IpAddress& address, bool v6_only) {
  if (kind.domain == AF_INET || address.is_v4()) return stack::Pcb::Kind::V4;
  return address.is_unspecified() && !v6_only ? stack::Pcb::Kind::Both : stack::Pcb::Kind::V6;
}

// How long Linux tries before it gives up a connection: the first interval is a second, each
// further one twice as long.
Duration syn_patience(int retries) {
  Duration patience{0}, interval{1000};
  for (int i = 0; i <= retries; ++i) {
    patience += interval;
    interval = std::min(interval * 2, kMaxSynInterval);
  }
  return patience;
}

std::errc error_of(stack::Ending ending, bool was_connecting) {
  switch (ending) {
    case stack::Ending::Finished:
      return std::errc{};
    case stack::Ending::Reset:
      return was_connecting ? std::errc::connection_refused : std::errc::connection_reset;
    case stack::Ending::TimedOut:
      return std::errc::timed_out;
    case stack::Ending::AddressGone:
      return std::errc::network_down;
  }
  return std::errc{};
}

}  // namespace

TcpSocket::TcpSocket(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid,
                     UniqueFd service_end)
    : Socket(hub, id, kind, owner_pid) {
  watch(std::move(service_end), kInward);
}

TcpSocket::TcpSocket(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid,
                     const Options& options, stack::Pcb&& pcb)
    : Socket(hub, id, kind, owner_pid),
      state_(State::Open),
      pcb_(std::move(pcb)),
      success_reported_(true),
      is_established_(true),
      was_accepted_(true),
      is_taken_(false),
      has_listener_(true) {
  options_ = options;
  pcb_.listen_to(*this);
  local_ = pcb_.local();
  peer_ = pcb_.peer();
  options_.apply_to(pcb_);
  pump_.start(kSeedSize);
}

// ---------------------------------------------------------------- control

Outcome TcpSocket::bind(const Endpoint& local, std::optional<stack::InterfaceId> by) {
  if (state_ != State::Fresh || is_bound_) return failed(std::errc::invalid_argument);
  stack::Pcb pcb = stack::Pcb::create(pcb_kind(kind_, local.ip, options_.v6_only()));
  if (!pcb) return failed(std::errc::no_buffer_space);
  if (by) pcb.stay_on(*by);
  const IpAddress address = local.ip.is_unspecified() ? IpAddress{} : local.ip;
  const auto done = pcb.bind(address, local.port, options_.reuse_address());
  if (!done) return failed(done.error());
  pcb_ = std::move(pcb);
  pcb_.listen_to(*this);
  bound_ = {local.ip, pcb_.local().port, local.scope};
  is_bound_ = true;
  if (local.scope != 0) options_.bind_to_interface(local.scope);  // as the kernel does it
  if (local.ip.is_v6() && !local.ip.is_unspecified()) options_.become_v6_only();
  return {};
}

Outcome TcpSocket::connect(const stack::Stack::Hop& hop, const Endpoint& peer,
                           std::size_t gate_bytes, std::optional<stack::InterfaceId> by) {
  if (!pcb_) {
    pcb_ = stack::Pcb::create(peer.ip.is_v4() ? stack::Pcb::Kind::V4 : stack::Pcb::Kind::V6);
    if (!pcb_) return failed(std::errc::no_buffer_space);
    pcb_.listen_to(*this);
  }
  options_.apply_to(pcb_);
  if (by) pcb_.stay_on(*by);
  const auto begun = pcb_.connect(hop.source, peer);
  if (!begun) {
    if (!is_bound_) pcb_.abandon();
    return failed(begun.error());
  }
  options_.apply_to(pcb_);  // some depend on the peer's family
  local_ = pcb_.local();
  peer_ = peer;
  // The simultaneous open of one socket with itself is beyond lwIP, which would repeat its SYN.
  if (local_.ip == peer_.ip && local_.port == peer_.port) {
    pcb_.abandon();
    is_bound_ = false;
    return failed(std::errc::connection_refused);
  }
  if (peer.scope != 0) options_.bind_to_interface(peer.scope);
  state_ = State::Connecting;
  // Whatever was written before counts as gate: it was never meant for this peer.
  pump_.start(unread_bytes(fd_.get()) + gate_bytes);
  connect_deadline_ = now() + syn_patience(options_.syn_count());
  if (options_.user_timeout_ms() != 0) {
    connect_deadline_ = std::min(connect_deadline_, now() + Duration{options_.user_timeout_ms()});
  }
  if (!hub_.stack().is_neighbour_known(hop)) {
    unknown_neighbour_ = hop;
    neighbour_deadline_ = now() + kNeighbourPatience;
  }
  rearm();
  log(LogArea::Sockets, LogLevel::Debug, "sock={} connects {} -> {}",
      static_cast<std::uint64_t>(id_), local_.text(), peer_.text());
  return {Outcome::Kind::InProgress, {}};
}

Outcome TcpSocket::connect_again() {
  switch (state_) {
    case State::Fresh:
      return failed(std::errc::invalid_argument);
    case State::Connecting:
      return failed(std::errc::connection_already_in_progress);
    case State::Failed:
      if (pending_error_ != std::errc{}) return failed(take_error());
      return failed(std::errc::connection_aborted);
    case State::Open:
      break;
  }
  if (pending_error_ != std::errc{}) return failed(take_error());
  return std::exchange(success_reported_, true) ? failed(std::errc::already_connected) : Outcome{};
}

bool TcpSocket::give_up_connecting() {
  if (state_ != State::Connecting) return false;
  fail(std::errc::connection_reset);
  if (!is_over_) rearm();
  return true;
}

TcpSocket::Parts TcpSocket::dissolve() {
  is_over_ = true;
  // SO_BINDTODEVICE may have come after bind.
  if (const auto by = hub_.stack().find_interface(options_.interface_index())) pcb_.stay_on(*by);
  return {unwatch(), std::move(pcb_), bound_, std::move(options_)};
}

void TcpSocket::fill_facts(Options::Facts& facts) const {
  facts.domain = kind_.domain;
  facts.type = kind_.type;
  facts.protocol = IPPROTO_TCP;
  facts.is_bound = is_bound_ || state_ != State::Fresh;
  facts.pcb = &pcb_;
  facts.stack = &hub_.stack();
}

Result<std::optional<Bytes>> TcpSocket::get_option(int level, int name, std::size_t size) const {
  Options::Facts facts;
  fill_facts(facts);
  return options_.get(level, name, size, facts);
}

Result<bool> TcpSocket::set_option(int level, int name, ByteView value) {
  Options::Facts facts;
  fill_facts(facts);
  const auto done = options_.set(level, name, value, facts);
  if (!done) return failure(done.error());
  options_.apply_to(pcb_);
  if (level == SOL_SOCKET && name == SO_RCVBUF && fd_) {
    // What waits unread is in the buffer of our end.
    const int size = std::max(options_.receive_buffer() / 2, 1);
    real().setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  if (state_ != State::Fresh) hub_.soon(*this);
  // A larger buffer would open the gate of a connecting socket.
  const bool is_gated = state_ == State::Connecting || state_ == State::Failed;
  if (level == SOL_SOCKET && name == SO_SNDBUF && is_gated) return true;
  return *done == Options::Set::Done;
}

Endpoint TcpSocket::local() const {
  if (state_ != State::Fresh) return in_family(local_);
  return in_family(is_bound_ ? bound_ : Endpoint{IpAddress::v4(0), 0});
}

Endpoint TcpSocket::peer() const { return state_ == State::Open ? in_family(peer_) : Endpoint{}; }

std::string TcpSocket::state() const {
  return std::string(state_ == State::Fresh || state_ == State::Failed ? "CLOSED" : pcb_.state());
}

std::uint64_t TcpSocket::unsent_bytes() const {
  return (fd_ ? pump_.waiting_bytes(fd_.get()) : 0) + pcb_.unacknowledged_bytes();
}

std::uint64_t TcpSocket::unread() const { return Socket::unread() + received_.size(); }

bool TcpSocket::is_lingering() const {
  return application_gone_ && pcb_ && (!fin_sent_ || pcb_.has_unacknowledged());
}

Result<UniqueFd> TcpSocket::make_lingerer() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failure(static_cast<std::errc>(errno));
  lingerer_.reset(keep_internal_fd(ends[1]));
  wants_acks_ = true;
  hub_.soon(*this);
  return UniqueFd(keep_internal_fd(ends[0]));
}

// ---------------------------------------------------------------- notes

void TcpSocket::on_ready(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) application_reset_ = true;
  if ((events & EPOLLHUP) != 0) application_gone_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) application_shut_ = true;
  hub_.soon(*this);
}

void TcpSocket::application_closed() {
  application_gone_ = application_shut_ = true;
  hub_.soon(*this);
}

void TcpSocket::on_connected() {
  is_established_ = true;
  hub_.soon(*this);
}

void TcpSocket::on_data(pbuf* chain) {
  received_.append(chain);
  hub_.soon(*this);
}

void TcpSocket::on_fin() {
  fin_received_ = true;
  hub_.soon(*this);
}

void TcpSocket::on_acknowledged() {
  unreachable_ = {};
  if (user_deadline_ != kNever) user_deadline_ = now() + Duration{options_.user_timeout_ms()};
  if (orphan_deadline_ != kNever) orphan_deadline_ = now() + kOrphanPatience;
  if (wants_acks_) hub_.soon(*this);
}

void TcpSocket::on_unreachable(std::errc error) {
  unreachable_ = error;
  if (state_ == State::Connecting) hub_.soon(*this);
}

void TcpSocket::on_ending(stack::Ending why) {
  ending_ = why;
  hub_.soon(*this);
}

// ---------------------------------------------------------------- on the way to accept(2)

void TcpSocket::hand_over(UniqueFd service_end) {
  watch(std::move(service_end), kInward);
  if (options_.receive_buffer() != 0) {
    const int size = std::max(options_.receive_buffer() / 2, 1);
    real().setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  if (early_ && !early_->empty()) {  // handed over before, and lost
    const iovec again{early_->data(), early_->size()};
    if (write_some(fd_.get(), {&again, 1}) != static_cast<ssize_t>(early_->size())) return refuse();
  }
  if (!early_) early_.emplace();
  hub_.soon(*this);
}

void TcpSocket::taken() {
  is_taken_ = true;
  pcb_.widen_window();
  return_deadline_ = now() + kReturnPatience;
  hub_.soon(*this);
}

// The kernel closes what is left in a closed listener's queue before close(2) returns, but after it
// has told us of the close. An end that is still open a moment later was taken before.
void TcpSocket::listener_closed() {
  has_listener_ = false;
  if (!is_taken_ && fd_) queue_deadline_ = now() + kQueueClosing;
  hub_.soon(*this);
}

bool TcpSocket::take_back() {
  if (!was_accepted_ || !early_ || pump_.has_seen_data() || is_over_) return false;
  drop_fd();
  is_taken_ = false;
  application_gone_ = application_shut_ = application_reset_ = false;
  return_deadline_ = kNever;
  pump_.start(kSeedSize);
  return true;
}

void TcpSocket::refuse() {
  pcb_.abort();
  finish();
}

// The application's end is closed, and it may be so because nobody ever got it.
bool TcpSocket::waits_for_return() {
  if (!application_gone_ || !early_ || !has_listener_) return false;
  const bool was_used = pump_.has_seen_data() || pump_.waiting_bytes(fd_.get()) > 0 ||
                        (delivered_ > 0 && !application_reset_);
  if (was_used || now() >= return_deadline_) {
    early_.reset();
    return_deadline_ = kNever;
    return false;
  }
  if (return_deadline_ == kNever) return_deadline_ = now() + kReturnPatience;
  return true;
}

// ---------------------------------------------------------------- acting

void TcpSocket::advance() {
  if (is_over_) return;
  switch (state_) {
    case State::Fresh:
      if (application_gone_) finish();
      return;
    case State::Connecting:
      advance_connecting();
      break;
    case State::Failed:
      close_failed();
      break;
    case State::Open:
      advance_open();
      break;
  }
  if (lingerer_ && !is_lingering()) lingerer_.reset();
  if (!is_over_) rearm();
}

void TcpSocket::advance_connecting() {
  if (application_gone_) {
    pcb_.abandon();
    return finish();
  }
  // A connection that came about and ended within one turn did come about.
  if (is_established_) {
    state_ = State::Open;
    connect_deadline_ = neighbour_deadline_ = kNever;
    unknown_neighbour_.reset();
    return advance_open();
  }
  if (ending_) return fail(error_of(*ending_, true));
  if (unreachable_ != std::errc{}) return fail(unreachable_);
  if (now() >= neighbour_deadline_) {
    neighbour_deadline_ = kNever;
    if (!hub_.stack().is_neighbour_known(*unknown_neighbour_)) {
      return fail(std::errc::host_unreachable);
    }
  }
  if (now() >= connect_deadline_) fail(std::errc::timed_out);
}

void TcpSocket::fail(std::errc error) {
  log(LogArea::Sockets, LogLevel::Debug, "sock={} cannot connect to {}: {}",
      static_cast<std::uint64_t>(id_), peer_.text(), std::strerror(static_cast<int>(error)));
  pending_error_ = error;
  pcb_.abandon();
  state_ = State::Failed;
  connect_deadline_ = neighbour_deadline_ = kNever;
  gate_deadline_ = now() + kGatePatience;
  close_failed();
}

void TcpSocket::close_failed() {
  if (application_gone_ || now() >= gate_deadline_ || pump_.has_gate(fd_.get())) finish();
}

void TcpSocket::advance_open() {
  if (!fd_) return;  // waits in the listener's queue
  if (waits_for_return()) return;
  if (now() >= queue_deadline_) {
    queue_deadline_ = kNever;
    if (!application_gone_) taken();
  }
  if (must_reset()) {
    pcb_.abort();
    return finish();
  }
  deliver();
  send();
  settle();
}

// The application closed it in a way that TCP answers with a reset.
bool TcpSocket::must_reset() const {
  if (!application_gone_) return false;
  if (application_reset_ || !received_.empty()) return true;  // something was left unread
  const bool both_ended = fin_received_ && fin_sent_;
  if (options_.linger().on != 0 && options_.linger().seconds == 0 && !both_ended) return true;
  return was_accepted_ && !is_taken_ && delivered_ == 0 && !pump_.has_seen_data() &&
         pump_.waiting_bytes(fd_.get()) == 0;  // it never left the listener's queue
}

void TcpSocket::credit(std::size_t bytes) { pcb_.credit(bytes); }

void TcpSocket::deliver() {
  while (!received_.empty() && deliver_some()) {
  }
  watch_for(received_.empty() ? kInward : kBoth);
  const bool ended_badly = ending_ && *ending_ != stack::Ending::Finished;
  if (fin_received_ && received_.empty() && !fin_told_ && !ended_badly) {
    real().shutdown(fd_.get(), SHUT_WR);
    fin_told_ = true;
  }
  if (is_taken_ && (now() >= return_deadline_ || pump_.has_seen_data())) {
    early_.reset();
    return_deadline_ = kNever;
  }
}

// False when the pair takes no more for now.
bool TcpSocket::deliver_some() {
  std::array<iovec, 128> vectors;
  std::size_t count = received_.peek(vectors);
  if (discards_) {
    credit(received_.size());
    received_.clear();
    return true;
  }
  if (early_ && !is_taken_) {
    std::size_t room = kMaxEarlyBytes - std::min(kMaxEarlyBytes, early_->size());
    std::size_t fitting = 0;
    for (; fitting < count && room > 0; ++fitting) {
      vectors[fitting].iov_len = std::min(vectors[fitting].iov_len, room);
      room -= vectors[fitting].iov_len;
    }
    count = fitting;
    if (count == 0) return false;
  }
  const ssize_t n = write_some(fd_.get(), std::span(vectors).first(count));
  if (n < 0) {
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) return false;
    // shutdown(SHUT_RD), or a close whose event is still to come: acknowledge and forget, as TCP
    // does.
    discards_ = true;
    return true;
  }
  auto left = static_cast<std::size_t>(n);
  if (early_) {
    if (is_taken_ && early_->size() + left > kMaxEarlyBytes) {
      early_.reset();  // too much to give again; whoever lost the fd would have said so by now
    } else {
      for (const iovec& vector : std::span(vectors).first(count)) {
        const std::size_t part = std::min(left, vector.iov_len);
        append(*early_, ByteView(static_cast<const std::uint8_t*>(vector.iov_base), part));
        left -= part;
      }
    }
  }
  delivered_ += static_cast<std::uint64_t>(n);
  received_.consume(static_cast<std::size_t>(n));
  credit(static_cast<std::size_t>(n));
  return true;
}

void TcpSocket::send() {
  if (!pcb_) {
    cork_deadline_ = user_deadline_ = kNever;
    return;
  }
  if (!fin_sent_) {
    const bool holds = options_.is_corked() && !application_shut_ && now() < cork_deadline_;
    const StreamPump::Result result = pump_.pull(fd_.get(), pcb_, hub_.scratch(), holds);
    if (result != StreamPump::Result::Held) {
      cork_deadline_ = kNever;
    } else if (cork_deadline_ == kNever) {
      cork_deadline_ = now() + kCorkPatience;
    }
    wants_acks_ = result == StreamPump::Result::NoSpace || application_gone_;
    if (result == StreamPump::Result::Empty && application_shut_) {
      pcb_.shutdown_write();
      fin_sent_ = true;
    }
    pcb_.push();
  }
  if (!pcb_.has_unacknowledged() || options_.user_timeout_ms() == 0) {
    user_deadline_ = kNever;
  } else if (user_deadline_ == kNever) {
    user_deadline_ = now() + Duration{options_.user_timeout_ms()};
  }
}

void TcpSocket::settle() {
  if (!ending_ && now() >= user_deadline_) {
    pcb_.abort();
    ending_ = stack::Ending::TimedOut;
  }
  if (ending_) {
    // The application first gets what had arrived.
    if (!received_.empty() && !application_gone_) return wake_writers();
    if (*ending_ == stack::Ending::Finished) return finish_orderly();
    // Silence that an ICMP error has explained.
    const bool is_explained = *ending_ == stack::Ending::TimedOut && unreachable_ != std::errc{};
    // After the peer's end nothing more was to be received: what the reset breaks is the way out.
    const bool is_half = *ending_ == stack::Ending::Reset && fin_received_ && !fin_sent_;
    if (is_half) return finish_reset(std::errc::broken_pipe);
    return finish_reset(is_explained ? unreachable_ : error_of(*ending_, false));
  }
  if (!application_gone_) return;
  if (orphan_deadline_ == kNever) orphan_deadline_ = now() + kOrphanPatience;
  if (now() < orphan_deadline_) return;
  log(LogArea::Sockets, LogLevel::Debug,
      "sock={} closed by the application, {} is silent: given up", static_cast<std::uint64_t>(id_),
      peer_.text());
  if (pcb_.has_unacknowledged()) pcb_.abort();
  finish();
}

// A connection that is reset takes no more bytes, also while the application still has some to
// read: one that waits in write(2) meanwhile would do so for ever.
void TcpSocket::wake_writers() {
  if (*ending_ == stack::Ending::Finished || std::exchange(has_woken_writers_, true)) return;
  real().shutdown(fd_.get(), SHUT_RD);
  // Room shows as writable; the byte that stays shows the reset later.
  const std::size_t unread = unread_bytes(fd_.get());
  if (unread > 1) skip_bytes(fd_.get(), unread - 1, hub_.scratch());
}

void TcpSocket::finish_orderly() {
  pump_.empty(fd_.get(), hub_.scratch());
  finish();
}

// Closing while a byte is unread is what shows the application the reset.
void TcpSocket::finish_reset(std::errc error) {
  log(LogArea::Sockets, LogLevel::Debug, "sock={} peer={} ended: {}",
      static_cast<std::uint64_t>(id_), peer_.text(), std::strerror(static_cast<int>(error)));
  pending_error_ = error;
  finish();
}

void TcpSocket::finish() {
  pcb_.abandon();
  drop_fd();
  received_.clear();
  hub_.arm(*this, kNever);
  is_over_ = true;
  hub_.soon(*this);
}

void TcpSocket::rearm() {
  const Time next = std::min({connect_deadline_, neighbour_deadline_, cork_deadline_,
                              orphan_deadline_, return_deadline_, user_deadline_, queue_deadline_,
                              state_ == State::Failed ? gate_deadline_ : kNever});
  // lwIP tells of acknowledged bytes and says nothing when a FIN is all that was.
  hub_.arm(*this, lingerer_ ? std::min(next, now() + kLingererCheck) : next);
}

}  // namespace ztshim::sockets
