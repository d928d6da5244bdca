#include "service/stack/pcb.h"

#include <algorithm>
#include <limits>

#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "service/stack/icmp_error.h"
#include "service/stack/lwip_error.h"
#include "service/stack/lwip_glue.h"
#include "service/stack/netif.h"

namespace ztshim::stack {
namespace {

// lwIP counts in 16 bits what one call takes.
constexpr std::size_t kMostPerCall = std::numeric_limits<u16_t>::max();
// What a connection may have in flight before its congestion window says that more is useful.
constexpr std::size_t kLeastSendBuffer = std::size_t{256} * 1024;
// Segments of headroom in lwIP's 16-bit count of queued buffers.
constexpr std::size_t kQueueReserve = 64;
// A promised window cannot be taken back, and the SYN promises this much.
constexpr std::size_t kUnscaledWindow = 0xffff;
constexpr std::size_t kInitialSegments = 10;
// Linux' first retransmission of a SYN and the most between two of them.
constexpr int kFirstSynTicks = LWIP_TCP_RTO_TIME / TCP_SLOW_INTERVAL;
constexpr int kMostSynTicks = 120000 / TCP_SLOW_INTERVAL;

// lwIP keeps the netif's number with addresses that mean nothing without it.
std::uint32_t scope_of(const ip_addr_t& ip) {
  if (!IP_IS_V6_VAL(ip) || !ip6_addr_has_zone(ip_2_ip6(&ip))) return 0;
  const netif* const on = netif_get_by_index(ip6_addr_zone(ip_2_ip6(&ip)));
  return on == nullptr ? 0 : static_cast<const Interface*>(on->state)->config().index;
}

Endpoint endpoint(const ip_addr_t& ip, u16_t port) { return {from_lwip(ip), port, scope_of(ip)}; }

ip_addr_t to_lwip_on(const IpAddress& ip, const tcp_pcb& pcb) {
  ip_addr_t address = to_lwip(ip);
  const netif* const on = netif_get_by_index(pcb.netif_idx);
  if (ip.is_v6() && on != nullptr) ip6_addr_assign_zone(ip_2_ip6(&address), IP6_UNICAST, on);
  return address;
}

u8_t start_time_slot() {
  static const u8_t slot = tcp_ext_arg_alloc_id();
  return slot;
}

void* pack(Time time) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(time.time_since_epoch().count()));
}

Time unpack(void* data) {
  return Time{Duration{static_cast<Duration::rep>(reinterpret_cast<std::uintptr_t>(data))}};
}

}  // namespace

// lwIP's callbacks. Their argument is the handle.
struct Trampolines {
  static err_t connected(void* arg, tcp_pcb* pcb, err_t) {
    auto& handle = *static_cast<Pcb*>(arg);
    tcp_poll(pcb, nullptr, 0);
    handle.handshake_done(handle.started_, ReceiveWindow::kStart);
    handle.events_->on_connected();
    return ERR_OK;
  }

  static err_t received(void* arg, tcp_pcb* pcb, pbuf* chain, err_t) {
    auto& handle = *static_cast<Pcb*>(arg);
    if (chain != nullptr) {
      handle.events_->on_data(chain);
      return ERR_OK;
    }
    handle.events_->on_fin();
    // When our FIN was first, the rest is between lwIP and the peer: TIME_WAIT ends without an
    // event.
    if (pcb->state == TIME_WAIT || pcb->state == CLOSING) {
      handle.detach();
      handle.events_->on_ending(Ending::Finished);
    }
    return ERR_OK;
  }

  static err_t sent(void* arg, tcp_pcb*, u16_t) {
    static_cast<Pcb*>(arg)->events_->on_acknowledged();
    return ERR_OK;
  }

  static void unreachable(tcp_pcb* pcb, std::errc error) {
    // Those without a handle are lwIP's alone and need no news.
    if (pcb->callback_arg == nullptr || pcb->errf != ended) return;
    static_cast<Pcb*>(pcb->callback_arg)->events_->on_unreachable(error);
  }

  static void ended(void* arg, err_t error) {
    auto& handle = *static_cast<Pcb*>(arg);
    handle.pcb_ = nullptr;  // freed already
    Ending why = Ending::TimedOut;
    if (error == ERR_RST) why = Ending::Reset;
    if (error == ERR_CLSD) why = Ending::Finished;
    if (glue.removing_address) why = Ending::AddressGone;
    handle.events_->on_ending(why);
  }

  // lwIP repeats a SYN at constant distance; Linux doubles it.
  static err_t back_off(void*, tcp_pcb* pcb) {
    if (pcb->state == SYN_SENT) {
      const int ticks = kFirstSynTicks << std::min<int>(pcb->nrtx, 7);
      pcb->rto = static_cast<s16_t>(std::min(ticks, kMostSynTicks));
    }
    return ERR_OK;
  }

  static err_t accepted(void* arg, tcp_pcb* pcb, err_t error) {
    auto* const events = static_cast<ListenEvents*>(arg);
    if (events == nullptr || pcb == nullptr || error != ERR_OK) return ERR_VAL;
    Pcb handle;
    handle.attach(pcb);
    handle.window_limit_ = events->window_limit();
    // Until somebody accepts it, it holds no more of a stranger's bytes than was promised anyway.
    handle.handshake_done(unpack(tcp_ext_arg_get(pcb, start_time_slot())), kUnscaledWindow);
    if (events->on_accept(std::move(handle))) return ERR_OK;
    // lwIP resets what is refused; it still has it, so the handle must let go first.
    handle.detach();
    return ERR_MEM;
  }

  static err_t syn_came(u8_t slot, tcp_pcb_listen*, tcp_pcb* pcb) {
    tcp_ext_arg_set(pcb, slot, pack(glue.now));
    return ERR_OK;
  }
};

namespace {
constexpr tcp_ext_arg_callbacks kStartTime = {nullptr, Trampolines::syn_came};
}

Pcb& Pcb::operator=(Pcb&& other) noexcept {
  if (this == &other) return *this;
  abandon();
  events_ = other.events_;
  window_ = other.window_;
  window_limit_ = other.window_limit_;
  started_ = other.started_;
  has_written_ = other.has_written_;
  pcb_ = std::exchange(other.pcb_, nullptr);
  if (pcb_ != nullptr) tcp_arg(pcb_, this);
  return *this;
}

void Pcb::attach(tcp_pcb* pcb) {
  pcb_ = pcb;
  tcp_arg(pcb, this);
  tcp_recv(pcb, Trampolines::received);
  tcp_sent(pcb, Trampolines::sent);
  tcp_err(pcb, Trampolines::ended);
}

tcp_pcb* Pcb::detach() {
  tcp_pcb* const pcb = std::exchange(pcb_, nullptr);
  if (pcb == nullptr) return nullptr;
  tcp_arg(pcb, nullptr);
  tcp_recv(pcb, nullptr);
  tcp_sent(pcb, nullptr);
  tcp_err(pcb, nullptr);
  tcp_poll(pcb, nullptr, 0);
  return pcb;
}

Pcb Pcb::create(Kind kind) {
  Pcb created;
  const u8_t type = kind == Kind::V4   ? IPADDR_TYPE_V4
                    : kind == Kind::V6 ? IPADDR_TYPE_V6
                                       : IPADDR_TYPE_ANY;
  tcp_pcb* const pcb = tcp_new_ip_type(type);
  if (pcb != nullptr) created.attach(pcb);
  return created;
}

void Pcb::stay_on(InterfaceId interface) {
  const Interface* const found = glue.interfaces->find(interface);
  // The netif by which everything comes in (Interface::input_ip).
  if (pcb_ != nullptr && found != nullptr) tcp_bind_netif(pcb_, found->netif_for(IpAddress{}));
}

Result<void> Pcb::bind(const IpAddress& address, std::uint16_t port, bool reuse_address) {
  if (reuse_address) {
    ip_set_option(pcb_, SOF_REUSEADDR);
  } else {
    ip_reset_option(pcb_, SOF_REUSEADDR);
  }
  ip_addr_t ip = to_lwip_on(address, *pcb_);
  if (!address) {  // the wildcard of the pcb's own kind
    IP_SET_TYPE_VAL(ip, IP_GET_TYPE(&pcb_->local_ip));
  }
  const err_t error = tcp_bind(pcb_, &ip, port);
  // No free port is EADDRINUSE for bind(2), whatever lwIP calls it.
  if (error == ERR_BUF) return failure(std::errc::address_in_use);
  if (error != ERR_OK) return failure(errno_of(error, Phase::Connecting));
  return {};
}

Result<void> Pcb::connect(const IpAddress& source, const Endpoint& peer) {
  const ip_addr_t to = to_lwip_on(peer.ip, *pcb_);
  if (ip_addr_isany(&pcb_->local_ip)) pcb_->local_ip = to_lwip_on(source, *pcb_);
  started_ = glue.now;
  const err_t error = tcp_connect(pcb_, &to, peer.port, Trampolines::connected);
  if (error == ERR_BUF) return failure(std::errc::address_not_available);
  // The same four names are in use: connect(2) says so in these words.
  if (error == ERR_USE) return failure(std::errc::address_not_available);
  if (error != ERR_OK) return failure(errno_of(error, Phase::Connecting));
  tcp_poll(pcb_, Trampolines::back_off, 1);
  return {};
}

Endpoint Pcb::local() const {
  return pcb_ == nullptr ? Endpoint{} : endpoint(pcb_->local_ip, pcb_->local_port);
}

Endpoint Pcb::peer() const {
  return pcb_ == nullptr ? Endpoint{} : endpoint(pcb_->remote_ip, pcb_->remote_port);
}

std::string_view Pcb::state() const {
  return pcb_ == nullptr ? "CLOSED" : tcp_debug_state_str(pcb_->state);
}

// lwIP opened the whole window when it read the scaling option; nothing above the unscaled one has
// been promised to the peer yet.
void Pcb::handshake_done(Time started, std::size_t start_window) {
  const Duration round_trip = started == kLongAgo ? Duration{0} : glue.now - started;
  if ((pcb_->flags & TF_WND_SCALE) == 0) {
    window_.open(glue.now, round_trip, kUnscaledWindow);
    return;
  }
  window_.open(glue.now, round_trip, std::max(window_limit_, kUnscaledWindow), start_window);
  pcb_->rcv_wnd = pcb_->rcv_ann_wnd = static_cast<tcpwnd_size_t>(window_.size());
  pcb_->rcv_ann_right_edge = pcb_->rcv_nxt + kUnscaledWindow;
}

std::size_t Pcb::send_space() const {
  if (pcb_ == nullptr) return 0;
  const std::size_t limit =
      std::clamp<std::size_t>(std::size_t{2} * pcb_->cwnd, kLeastSendBuffer, TCP_SND_BUF);
  const std::size_t queued = TCP_SND_BUF - pcb_->snd_buf;
  if (queued >= limit) return 0;
  const std::size_t segments =
      TCP_SND_QUEUELEN - std::min<std::size_t>(TCP_SND_QUEUELEN, pcb_->snd_queuelen);
  if (segments <= kQueueReserve) return 0;
  return std::min({limit - queued, std::size_t{pcb_->snd_buf}, (segments - kQueueReserve) * mss()});
}

std::size_t Pcb::write(ByteView bytes) {
  if (pcb_ != nullptr && !std::exchange(has_written_, true)) {
    // RFC 6928; lwIP begins with two segments and sets them after it has called accept.
    pcb_->cwnd = std::max(pcb_->cwnd, static_cast<tcpwnd_size_t>(kInitialSegments * mss()));
  }
  const std::size_t piece = kMostPerCall / mss() * mss();  // whole segments
  std::size_t done = 0;
  while (pcb_ != nullptr && done < bytes.size()) {
    const std::size_t n = std::min(piece, bytes.size() - done);
    const u8_t more = done + n < bytes.size() ? TCP_WRITE_FLAG_MORE : 0;
    if (tcp_write(pcb_, bytes.data() + done, static_cast<u16_t>(n), TCP_WRITE_FLAG_COPY | more) !=
        ERR_OK) {
      break;
    }
    done += n;
  }
  return done;
}

void Pcb::push() {
  if (pcb_ != nullptr) tcp_output(pcb_);
}

void Pcb::credit(std::size_t bytes) {
  if (pcb_ == nullptr || bytes == 0) return;
  std::size_t left = bytes + window_.on_taken(glue.now, bytes);
  // One call decides about the window update; the rest is added beforehand.
  const std::size_t last = std::min(left, kMostPerCall);
  left -= last;
  const std::size_t most = TCP_WND_MAX(pcb_);
  pcb_->rcv_wnd = static_cast<tcpwnd_size_t>(std::min(most, pcb_->rcv_wnd + left));
  tcp_recved(pcb_, static_cast<u16_t>(last));
}

// Without a packet of its own: the next acknowledgement tells the peer.
void Pcb::widen_window() {
  if (pcb_ != nullptr) pcb_->rcv_wnd += static_cast<tcpwnd_size_t>(window_.widen());
}

void Pcb::shutdown_write() {
  if (pcb_ != nullptr) tcp_shutdown(pcb_, 0, 1);
}

void Pcb::abort() {
  if (tcp_pcb* const pcb = detach()) tcp_abort(pcb);
}

void Pcb::abandon() {
  if (tcp_pcb* const pcb = detach()) tcp_abandon(pcb, 0);
}

std::size_t Pcb::unacknowledged_bytes() const {
  return pcb_ == nullptr ? 0 : TCP_SND_BUF - pcb_->snd_buf;
}

bool Pcb::has_unacknowledged() const {
  return pcb_ != nullptr && (pcb_->unsent != nullptr || pcb_->unacked != nullptr);
}

std::size_t Pcb::mss() const {
  return pcb_ == nullptr ? TCP_MSS : std::max<std::size_t>(tcp_mss(pcb_), 1);
}

void Pcb::set_no_delay(bool on) {
  if (pcb_ == nullptr) return;
  if (on) {
    tcp_nagle_disable(pcb_);
    if (pcb_->state >= ESTABLISHED) tcp_output(pcb_);
  } else {
    tcp_nagle_enable(pcb_);
  }
}

void Pcb::set_keep_alive(const KeepAlive& keep_alive) {
  if (pcb_ == nullptr) return;
  if (keep_alive.enabled) {
    ip_set_option(pcb_, SOF_KEEPALIVE);
  } else {
    ip_reset_option(pcb_, SOF_KEEPALIVE);
  }
  pcb_->keep_idle = keep_alive.idle_s * 1000;
  pcb_->keep_intvl = keep_alive.interval_s * 1000;
  pcb_->keep_cnt = keep_alive.count;
}

void Pcb::set_type_of_service(std::uint8_t tos) {
  if (pcb_ != nullptr) pcb_->tos = tos;
}

void Pcb::set_time_to_live(std::uint8_t ttl) {
  if (pcb_ != nullptr) pcb_->ttl = ttl;
}

Pcb::Numbers Pcb::numbers() const {
  Numbers numbers;
  if (pcb_ == nullptr) return numbers;
  constexpr std::uint32_t kTickUs = TCP_SLOW_INTERVAL * 1000;
  numbers.state = static_cast<std::uint8_t>(pcb_->state);
  numbers.retransmits = pcb_->nrtx;
  numbers.rto_us = static_cast<std::uint32_t>(std::max<int>(pcb_->rto, 0)) * kTickUs;
  numbers.rtt_us = static_cast<std::uint32_t>(std::max<int>(pcb_->sa, 0)) * kTickUs / 8;
  numbers.rtt_variance_us = static_cast<std::uint32_t>(std::max<int>(pcb_->sv, 0)) * kTickUs / 4;
  numbers.send_mss = pcb_->mss;
  numbers.congestion_window = pcb_->cwnd;
  numbers.slow_start_threshold = pcb_->ssthresh;
  numbers.unacknowledged_bytes = static_cast<std::uint32_t>(unacknowledged_bytes());
  numbers.receive_space = static_cast<std::uint32_t>(window_.size());
  numbers.scales = (pcb_->flags & TF_WND_SCALE) != 0;
  numbers.selective = (pcb_->flags & TF_SACK) != 0;
  numbers.send_scale = pcb_->snd_scale;
  numbers.receive_scale = pcb_->rcv_scale;
  return numbers;
}

ListenPcb& ListenPcb::operator=(ListenPcb&& other) noexcept {
  if (this != &other) {
    close();
    pcb_ = std::exchange(other.pcb_, nullptr);
  }
  return *this;
}

Result<ListenPcb> ListenPcb::listen(Pcb& bound, ListenEvents& events) {
  tcp_ext_arg_set_callbacks(bound.pcb_, start_time_slot(), &kStartTime);
  err_t error = ERR_OK;
  tcp_pcb* const pcb =
      tcp_listen_with_backlog_and_err(bound.pcb_, TCP_DEFAULT_LISTEN_BACKLOG, &error);
  if (pcb == nullptr) return failure(errno_of(error, Phase::Connecting));
  bound.pcb_ = nullptr;  // lwIP freed it
  ListenPcb listener;
  listener.pcb_ = pcb;
  tcp_arg(pcb, &events);
  tcp_accept(pcb, Trampolines::accepted);
  return listener;
}

Endpoint ListenPcb::local() const {
  return pcb_ == nullptr ? Endpoint{} : endpoint(pcb_->local_ip, pcb_->local_port);
}

void ListenPcb::close() {
  if (tcp_pcb* const pcb = std::exchange(pcb_, nullptr)) {
    tcp_arg(pcb, nullptr);
    tcp_close(pcb);
  }
}

namespace {

// What is not acknowledged goes out again in segments that fit. (The peer's window and the
// congestion window are measured in segments of the new size: lwIP would never send larger ones.)
void shrink_segments(tcp_pcb* pcb, u16_t mss) {
  if (mss >= pcb->mss) return;
  pcb->mss = mss;
  // Refused when there is nothing on its way, or when a segment is just being sent.
  tcp_rexmit_rto_prepare(pcb);
  tcp_seg* const first = pcb->unsent;
  for (tcp_seg** at = &pcb->unsent; *at != nullptr; at = &(*at)->next) {
    tcp_seg* const whole = *at;
    pcb->unsent = whole;  // lwIP splits the first one only; `at` points into the one before it
    tcp_split_unsent_seg(pcb, mss);
  }
  pcb->unsent = first;
  tcp_output(pcb);
}

}  // namespace

bool note_icmp_error(const IcmpError& error) {
  if (error.protocol != IP_PROTO_TCP) return false;
  for (tcp_pcb* pcb = tcp_active_pcbs; pcb != nullptr; pcb = pcb->next) {
    if (pcb->local_port != error.local.port || pcb->remote_port != error.remote.port) continue;
    if (from_lwip(pcb->local_ip) != error.local.ip || from_lwip(pcb->remote_ip) != error.remote.ip)
      continue;
    // RFC 5927 4.1: only what is on its way can have met an error.
    if (TCP_SEQ_LT(error.sequence, pcb->lastack) || TCP_SEQ_GT(error.sequence, pcb->snd_nxt))
      return false;
    if (error.mtu == 0) {
      Trampolines::unreachable(pcb, error.error);
    } else {
      const unsigned headers = TCP_HLEN + (error.remote.ip.is_v6() ? IP6_HLEN : IP_HLEN);
      shrink_segments(pcb, static_cast<u16_t>(error.mtu - headers));
    }
    return true;
  }
  return false;
}

bool is_finishing_alone() {
  for (const tcp_pcb* pcb = tcp_active_pcbs; pcb != nullptr; pcb = pcb->next) {
    if (pcb->callback_arg != nullptr || pcb->state < ESTABLISHED) continue;
    if (pcb->unsent != nullptr || pcb->unacked != nullptr) return true;
  }
  return false;
}

}  // namespace ztshim::stack
