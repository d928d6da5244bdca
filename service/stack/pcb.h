// Owning handles for lwIP's TCP control blocks. lwIP calls back in the middle of its own work, so
// the callbacks here may only take notes: whoever implements PcbEvents acts on them later in the
// turn, and none of the functions of the handles may be called from within them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/result.h"
#include "common/time.h"
#include "service/stack/pbuf_queue.h"
#include "service/stack/receive_window.h"
#include "service/stack/stack.h"

struct tcp_pcb;

namespace ztshim::stack {

// Why a connection exists no longer.
enum class Ending : std::uint8_t {
  Finished,     // both sides said FIN (what is left, TIME_WAIT, is lwIP's business)
  Reset,        // the peer's RST
  TimedOut,     // nobody acknowledged what we sent
  AddressGone,  // our address was taken from the interface
};

class PcbEvents {
 public:
  virtual void on_connected() = 0;
  virtual void on_data(pbuf* chain) = 0;  // passes ownership
  virtual void on_fin() = 0;
  virtual void on_acknowledged() = 0;
  // An ICMP error about a packet of ours; the connection exists as before.
  virtual void on_unreachable(std::errc error) = 0;
  virtual void on_ending(Ending why) = 0;  // the last event

 protected:
  ~PcbEvents() = default;
};

struct KeepAlive {
  bool enabled = false;
  unsigned idle_s = 7200, interval_s = 75, count = 9;
};

// A connection, or what will become one. Empty after the last event or a release.
class Pcb {
 public:
  Pcb() = default;
  Pcb(Pcb&& other) noexcept { *this = std::move(other); }
  Pcb& operator=(Pcb&& other) noexcept;
  ~Pcb() { abandon(); }

  enum class Kind : std::uint8_t { V4, V6, Both };
  // Empty when memory is short.
  static Pcb create(Kind kind);
  explicit operator bool() const { return pcb_ != nullptr; }

  // Events go to `events`, which outlives the handle.
  void listen_to(PcbEvents& events) { events_ = &events; }
  // Packets come in and go out by this interface alone. Before bind and connect where their
  // addresses are link-local.
  void stay_on(InterfaceId interface);
  // An empty address is the wildcard, port 0 any free one.
  Result<void> bind(const IpAddress& address, std::uint16_t port, bool reuse_address);
  // From `source`, an own address, unless it was bound to one.
  Result<void> connect(const IpAddress& source, const Endpoint& peer);
  Endpoint local() const;
  Endpoint peer() const;
  std::string_view state() const;

  // The largest receive window (SO_RCVBUF); counts if set before the handshake is over.
  void limit_window(std::size_t bytes) { window_limit_ = bytes; }
  // How many bytes write() will take now.
  std::size_t send_space() const;
  // How many it took: fewer when memory is short. Nothing leaves before push().
  std::size_t write(ByteView bytes);
  void push();
  // The application took received bytes: the peer may send as many more.
  void credit(std::size_t bytes);
  // An accepted connection has reached its application: it may now receive as much as others.
  void widen_window();
  // FIN after everything written.
  void shutdown_write();
  void abort();    // RST; no event follows
  void abandon();  // forgets it without telling the peer; no event follows

  std::size_t unacknowledged_bytes() const;  // written, not acknowledged
  bool has_unacknowledged() const;           // bytes or our FIN
  std::size_t mss() const;
  void set_no_delay(bool on);
  void set_keep_alive(const KeepAlive& keep_alive);
  void set_type_of_service(std::uint8_t tos);
  void set_time_to_live(std::uint8_t ttl);
  struct Numbers {           // for TCP_INFO
    std::uint8_t state = 0;  // lwIP's number
    std::uint8_t retransmits = 0;
    std::uint32_t rto_us = 0, rtt_us = 0, rtt_variance_us = 0;
    std::uint32_t send_mss = 0, congestion_window = 0, slow_start_threshold = 0;
    std::uint32_t unacknowledged_bytes = 0, receive_space = 0;
    std::uint8_t send_scale = 0, receive_scale = 0;
    bool scales = false, selective = false;
  };
  Numbers numbers() const;

 private:
  friend struct Trampolines;
  friend class ListenPcb;
  void attach(tcp_pcb* pcb);
  tcp_pcb* detach();
  void handshake_done(Time started, std::size_t start_window);

  tcp_pcb* pcb_ = nullptr;
  PcbEvents* events_ = nullptr;
  ReceiveWindow window_;
  std::size_t window_limit_ = ReceiveWindow::kMost;
  Time started_ = kLongAgo;  // when the SYN left
  bool has_written_ = false;
};

class ListenEvents {
 public:
  // A SYN came: is there room for one more? `half_open` have not finished their handshake.
  virtual bool has_room(unsigned half_open) = 0;
  // The most an accepted connection's receive window may grow to.
  virtual std::size_t window_limit() const = 0;
  // The handshake is over; the implementer calls listen_to() at once. False: reset it.
  virtual bool on_accept(Pcb&& connection) = 0;

 protected:
  ~ListenEvents() = default;
};

class ListenPcb {
 public:
  ListenPcb() = default;
  ListenPcb(ListenPcb&& other) noexcept : pcb_(std::exchange(other.pcb_, nullptr)) {}
  ListenPcb& operator=(ListenPcb&& other) noexcept;
  ~ListenPcb() { close(); }

  // Takes `bound` over when it succeeds.
  static Result<ListenPcb> listen(Pcb& bound, ListenEvents& events);
  explicit operator bool() const { return pcb_ != nullptr; }
  Endpoint local() const;
  void close();

 private:
  tcp_pcb* pcb_ = nullptr;
};

// Tells the connection it is about, if there is one: its peer must know what we sent just now.
// False: none. A packet that was too big makes later ones smaller.
struct IcmpError;
bool note_icmp_error(const IcmpError& error);

// Is anything unacknowledged on connections that lwIP finishes alone (after Ending::Finished)?
bool is_finishing_alone();

}  // namespace ztshim::stack
