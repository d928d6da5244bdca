// A listening socket: connections queue here until the application's accept(2) takes them.
//
// How it works. Each connection is announced by one AcceptMessage on the listener's pair with the
// new fd attached, so readiness, several acceptors and passing the listener on are the kernel's
// business (interposition.md 4, carrier A). Few messages are under way at a time; the others wait
// here without a descriptor. SIOCOUTQ tells how much memory the unread messages hold, and so, their
// order being known, which of them were taken: every taken one wakes us, since the pair never gets
// full.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "service/sockets/host_listener.h"
#include "service/sockets/listen_group.h"
#include "service/sockets/socket.h"
#include "service/stack/pcb.h"

namespace ztshim::sockets {

class TcpListener final : public Socket {
 public:
  // Takes over what a bound stream socket had.
  TcpListener(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid, const Endpoint& bound,
              Options options, int backlog);
  ~TcpListener() override;

  // With a port of its own.
  std::errc start(stack::Pcb& bound_pcb, UniqueFd service_end);
  // With the port of `other` (SO_REUSEPORT).
  void start_beside(const TcpListener& other, UniqueFd service_end);
  // Have both the same address, and want to share it?
  bool shares_port_with(const TcpListener& other) const;
  // Also on the host.
  std::errc start_on_host();
  void set_backlog(int backlog);
  // shutdown(2) for reading: no longer a listener.
  void stop();
  std::errc return_connection(SocketId connection);

  void advance() override;
  void on_ready(std::uint32_t events) override;
  Endpoint local() const override { return in_family(bound_); }
  std::string state() const override { return group_ ? "LISTEN" : "CLOSED"; }
  std::uint64_t unread() const override { return waiting_.size() + in_flight_.size(); }
  Result<std::optional<Bytes>> get_option(int level, int name, std::size_t size) const override;
  Result<bool> set_option(int level, int name, ByteView value) override;
  void application_closed() override;

  // ---- For its group.
  // How many more connections may wait here.
  std::size_t room();
  // The most that the receive window of an accepted connection may grow to.
  std::size_t window_limit() const { return options_.window_limit(); }
  // The handshake is over. False: reset it.
  bool take(stack::Pcb&& connection);

 private:
  void note_taken();
  void announce();
  bool announce_one(SocketId id);
  bool announce_from_host();
  bool send_message(SocketId connection, const Endpoint& peer, const Endpoint& local, int fd);
  void reset_waiting();
  void leave_group();
  Options::Facts facts() const;

  Endpoint bound_;
  std::shared_ptr<ListenGroup> group_;  // none once it has stopped
  int backlog_;
  std::deque<SocketId> waiting_;
  std::deque<SocketId> in_flight_;  // oldest first; a host connection has id 0
  std::size_t message_memory_ = 0;  // what one unread message holds
  std::unique_ptr<HostListener> host_;
  bool host_ready_ = false;
  bool application_gone_ = false;
};

}  // namespace ztshim::sockets
