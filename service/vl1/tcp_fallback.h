// The client's side of the relay for networks that block UDP, as a state machine: when to connect
// and to close, what goes into the stream, what comes out of it. The socket is the host's. Off
// unless the operator asks for it. Notes: vl1-behaviour 14.
//
// How it works. The host shows every datagram to global IPv4 addresses, sent or received by UDP. As
// long as something arrives by UDP nothing happens. When datagrams keep going out and nothing has
// come in for a minute, wants_connection() turns true; once connected each such datagram also goes
// into the stream (queued(), consumed()), and what the relay sends back comes out of on_bytes(), to
// be given to the node as if it had come from that address on kAnySocket. When UDP works again
// wants_connection() turns false and the host closes.
//
//   stream, both ways: { 17 03 03  length (2)  content }, first from us: version (4), then
//   content: 04  IP (4)  port (2)  datagram
#pragma once

#include <functional>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/time.h"

namespace ztshim::vl1 {

class TcpFallback {
 public:
  enum class Mode {
    Off,
    WhenNeeded,
    Forced,  // always connected; UDP is not used at all
  };
  struct Settings {
    Mode mode = Mode::Off;
    Endpoint relay = default_relay();
  };
  static Endpoint default_relay();  // 204.80.128.1 port 443

  TcpFallback(const Settings& settings, Time now);

  // ---- what the host reports
  void on_udp_received(Time now, const Endpoint& from, std::size_t size);
  // A datagram is about to be sent: which ways it takes. By TCP: it has been queued already.
  struct Ways {
    bool udp = true;
    bool tcp = false;
  };
  Ways on_send(Time now, const Endpoint& to, ByteView datagram);
  void on_connected(Time now);
  // Also when connecting failed. Nothing of the stream is kept.
  void on_closed(Time now);
  // Bytes from the stream, in pieces of any size. False: the stream makes no sense, close it.
  using OnDatagram = std::function<void(const Endpoint& from, MutableBytes datagram)>;
  bool on_bytes(ByteView bytes, const OnDatagram& deliver);
  void on_resume(Time now);

  // ---- what the host should do
  const Endpoint& relay() const { return settings_.relay; }
  Mode mode() const { return settings_.mode; }
  // Should there be a connection (be made, or kept) now?
  bool wants_connection(Time now) const;
  bool is_connected() const { return connected_; }
  // Bytes to be written to the stream, and how many of them were.
  ByteView queued() const { return ByteView(queue_).subspan(written_); }
  void consumed(std::size_t bytes);

 private:
  bool udp_is_dead(Time now) const;
  void append_record(const Endpoint& to, ByteView datagram);
  static void deliver_record(MutableBytes content, const OnDatagram& deliver);

  Settings settings_;
  Time since_;                     // start or resume
  Time last_received_ = kLongAgo;  // by UDP from a global address
  Time last_sent_ = kLongAgo;      // to a global address, relayed or not
  Time not_before_ = kLongAgo;     // after a failure
  bool wanted_ = false;
  bool connected_ = false;
  Bytes queue_;
  std::size_t written_ = 0;
  Bytes incoming_;
};

}  // namespace ztshim::vl1
