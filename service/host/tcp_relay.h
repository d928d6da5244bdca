// The stream to a TCP fallback relay: the socket for vl1::TcpFallback, which decides everything
// else. Notes: vl1-behaviour 14.
#pragma once

#include <functional>

#include "common/unique_fd.h"
#include "service/host/event_loop.h"
#include "service/vl1/outbox.h"
#include "service/vl1/tcp_fallback.h"

namespace ztshim::host {

class TcpRelay final : public Watcher {
 public:
  using OnDatagram = std::function<void(const Arrival&, MutableBytes)>;
  // What came out of the stream counts as arrived on no particular socket. `loop` outlives this.
  TcpRelay(const vl1::TcpFallback::Settings& settings, EventLoop& loop, OnDatagram on_datagram,
           std::function<void()> on_batch);
  ~TcpRelay() override;
  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;

  // True: UDP is not used at all.
  bool is_forced() const { return machine_.mode() == vl1::TcpFallback::Mode::Forced; }
  bool is_connected() const { return machine_.is_connected(); }

  void on_udp_received(const Endpoint& from, std::size_t size) {
    machine_.on_udp_received(loop_.now(), from, size);
  }
  // Puts into the stream what belongs there.
  void send(const Outbox& out);
  void on_resume() { machine_.on_resume(loop_.now()); }
  // Connects and closes when it is time to.
  void on_deadline(Time now);
  Time next_deadline() const { return due_; }

  void on_ready(std::uint32_t events) override;

 private:
  void connect();
  void close();
  void flush();
  bool finish_connecting();

  vl1::TcpFallback machine_;
  EventLoop& loop_;
  OnDatagram on_datagram_;
  std::function<void()> on_batch_;
  UniqueFd fd_;
  EventLoop::WatchId watch_ = 0;
  bool waits_to_write_ = false;
  Time due_ = kLongAgo;
};

}  // namespace ztshim::host
