// One TCP connection of an application, or a stream socket that may become one.
//
// How it works. The application's end of the pair is an ordinary kernel stream. Bytes it writes are
// pumped to lwIP (stream_pump.h); bytes from the peer wait as lwIP's buffers until the pair takes
// them, and only then is the peer's window opened again. The closes cross like this
// (interposition.md 3.3): the peer's FIN is shutdown(SHUT_WR) on our end and never a close; the
// application's shutdown(SHUT_WR) shows as EPOLLRDHUP and becomes a FIN after the last byte; its
// close shows as EPOLLHUP, with EPOLLERR if it left something unread, which TCP answers with a
// reset; a reset by the peer closes our end while a byte is unread in it.
//
// A connecting socket's application has filled its end with a gate, so that it is not writable; the
// pump consumes it when the handshake is over. When the handshake fails, our end is closed with the
// gate unread, which shows all the bits of a refused connection.
#pragma once

#include <optional>

#include "service/sockets/socket.h"
#include "service/sockets/stream_pump.h"
#include "service/stack/pcb.h"

namespace ztshim::sockets {

class TcpSocket final : public Socket, private stack::PcbEvents {
 public:
  // Fresh, with our end of its pair.
  TcpSocket(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid, UniqueFd service_end);
  // Accepted: established, with the listener's options. It has no pair before hand_over().
  TcpSocket(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid, const Options& options,
            stack::Pcb&& pcb);

  bool is_fresh() const { return state_ == State::Fresh; }
  bool is_bound() const { return is_bound_; }
  bool is_bound_to_wildcard() const { return is_bound_ && bound_.ip.is_unspecified(); }
  // `by`: this interface alone; the socket stays on it.
  Outcome bind(const Endpoint& local, std::optional<stack::InterfaceId> by);
  Outcome connect(const stack::Stack::Hop& hop, const Endpoint& peer, std::size_t gate_bytes,
                  std::optional<stack::InterfaceId> by);
  // connect(2) on one that is not fresh: EALREADY, once success, EISCONN.
  Outcome connect_again();
  // shutdown(2) in the middle of a handshake ends it. False: it is not in one.
  bool give_up_connecting();
  // A fresh socket that listens from now on gives away what it has.
  struct Parts {
    UniqueFd service_end;
    stack::Pcb pcb;
    Endpoint bound;
    Options options;
  };
  Parts dissolve();

  // ---- For the listener.
  void set_listener(SocketId id) { listener_ = id; }
  SocketId listener() const { return listener_; }
  // The application's end of a new pair is on its way to it; what came so far goes in.
  void hand_over(UniqueFd service_end);
  // It left the listener's queue.
  void taken();
  void listener_closed();
  // Nobody got the fd. False when the connection is not in that state.
  bool take_back();
  // Reset it: it never reached the application.
  void refuse();

  // ---- Socket
  void advance() override;
  void on_ready(std::uint32_t events) override;
  Endpoint local() const override;
  Endpoint peer() const override;
  std::string state() const override;
  std::uint64_t unsent_bytes() const override;
  std::uint64_t unread() const override;
  Result<std::optional<Bytes>> get_option(int level, int name, std::size_t size) const override;
  Result<bool> set_option(int level, int name, ByteView value) override;
  void application_closed() override;
  // The application has closed it, but something is still to be sent.
  bool is_lingering() const;
  bool is_held() const override { return !application_gone_; }
  // Somebody waits for that: the descriptor reads end of file when it is done.
  Result<UniqueFd> make_lingerer();
  bool is_connected() const { return state_ == State::Open && !ending_; }

 private:
  // Fresh: no handshake begun; perhaps bound. Connecting: SYN sent; the gate is closed. Failed: it
  // came to nothing, but the gate has not arrived yet. Open: the handshake is over; the connection
  // may have ended already while bytes wait for the application.
  enum class State : std::uint8_t { Fresh, Connecting, Failed, Open };

  // lwIP's events: only notes.
  void on_connected() override;
  void on_data(pbuf* chain) override;
  void on_fin() override;
  void on_acknowledged() override;
  void on_unreachable(std::errc error) override;
  void on_ending(stack::Ending why) override;

  void advance_connecting();
  void fail(std::errc error);
  void close_failed();
  void advance_open();
  bool must_reset() const;
  void deliver();
  bool deliver_some();
  void credit(std::size_t bytes);
  void send();
  void settle();
  bool waits_for_return();
  void wake_writers();
  void finish_orderly();
  void finish_reset(std::errc error);
  void finish();
  void rearm();
  void fill_facts(Options::Facts& facts) const;

  State state_ = State::Fresh;
  stack::Pcb pcb_;
  Endpoint bound_;  // what bind() was given, with the port it got
  bool is_bound_ = false;
  Endpoint local_, peer_;  // of the connection, in the addresses' own families
  bool success_reported_ = false;
  std::optional<stack::Stack::Hop> unknown_neighbour_;

  // What lwIP told.
  bool is_established_ = false;
  bool fin_received_ = false;
  std::optional<stack::Ending> ending_;
  std::errc unreachable_{};  // the newest ICMP error, while nothing came from the peer
  stack::PbufQueue received_;

  // What the pair told.
  bool application_shut_ = false;  // its writing half, or all of it
  bool application_gone_ =
      false;  // closed, or both halves are shut: the kernel shows no difference
  bool application_reset_ = false;  // closed with something unread

  // What we did.
  StreamPump pump_;
  bool discards_ = false;  // it shut its reading half
  bool fin_sent_ = false;
  bool fin_told_ = false;
  bool has_woken_writers_ = false;
  std::uint64_t delivered_ = 0;

  // An accepted socket on its way to the application.
  bool was_accepted_ = false;
  bool is_taken_ = true;
  bool has_listener_ = false;
  SocketId listener_{};
  std::optional<Bytes> early_;  // what was delivered while it could still come back

  UniqueFd lingerer_;        // closed when everything was acknowledged
  bool wants_acks_ = false;  // acknowledgements are news: room was short, or only they are awaited
  Time connect_deadline_ = kNever, neighbour_deadline_ = kNever, gate_deadline_ = kNever;
  Time cork_deadline_ = kNever, orphan_deadline_ = kNever, return_deadline_ = kNever;
  Time user_deadline_ = kNever, queue_deadline_ = kNever;
};

}  // namespace ztshim::sockets
