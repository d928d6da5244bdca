// What all virtual sockets share: the id, our end of the pair, the options, and being woken.
// Nothing is done from within a callback of lwIP or of the event loop; they only take notes, and
// advance() acts on all of them once before the turn is over. That keeps lwIP's rules, and turns a
// batch of frames into one write to the application.
#pragma once

#include <string>
#include <utility>

#include "common/bytes.h"
#include "common/unique_fd.h"
#include "service/sockets/datagram_batch.h"
#include "service/sockets/options.h"
#include "service/sockets/pair.h"
#include "service/sockets/sockets.h"

namespace ztshim::sockets {

class Socket;
class TcpSocket;

// What a socket needs of the table it lives in.
class Hub {
 public:
  Hub(stack::Stack& stack, Poller& poller, ServiceId service)
      : stack_(stack), poller_(poller), service_(service) {}
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  stack::Stack& stack() { return stack_; }
  const stack::Stack& stack() const { return stack_; }
  Poller& poller() { return poller_; }
  Time now() const { return poller_.now(); }
  ServiceId service() const { return service_; }
  MutableBytes scratch() { return scratch_; }
  DatagramBatch& batch() { return batch_; }

  virtual void soon(Socket& socket) = 0;          // advance() within this turn
  virtual void arm(Socket& socket, Time at) = 0;  // advance() then; replaces the former time
  // Makes a socket for an accepted connection; nothing when there are too many.
  virtual TcpSocket* adopt(stack::Pcb&& pcb, const SocketKind& kind, int owner_pid,
                           const Options& options) = 0;
  virtual TcpSocket* find_tcp(SocketId id) = 0;
  virtual Decision decide(const IpAddress& ip, const Policy& policy,
                          std::uint32_t interface_index) const = 0;

 protected:
  ~Hub() = default;

 private:
  stack::Stack& stack_;
  Poller& poller_;
  const ServiceId service_;
  DatagramBatch batch_;
  Bytes scratch_ = Bytes(std::size_t{256} * 1024);
};

class Socket : public Watcher {
 public:
  Socket(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid)
      : hub_(hub), id_(id), kind_(kind), owner_pid_(owner_pid) {}
  ~Socket() override { drop_fd(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Acts on what was noted; the clock is the poller's.
  virtual void advance() = 0;
  virtual Endpoint local() const = 0;  // the wildcard with port 0 before bind
  virtual Endpoint peer() const { return {}; }
  virtual std::string state() const = 0;
  virtual std::uint64_t unsent_bytes() const { return 0; }
  // Of what the application has not taken yet: bytes here and memory in the kernel; connections of
  // a listener.
  virtual std::uint64_t unread() const { return fd_ ? unread_by_peer(fd_.get()) : 0; }
  virtual Result<std::optional<Bytes>> get_option(int level, int name, std::size_t size) const = 0;
  virtual Result<bool> set_option(int level, int name, ByteView value) = 0;
  // Has any process the application's end?
  virtual bool is_held() const { return true; }
  // As if the application had closed its end.
  virtual void application_closed() = 0;

  SocketId id() const { return id_; }
  const SocketKind& kind() const { return kind_; }
  int owner_pid() const { return owner_pid_; }
  const Options& options() const { return options_; }
  // False when the event loop could not take another descriptor.
  bool is_watched() const { return watch_ != 0; }
  // The table may forget it.
  bool is_over() const { return is_over_; }
  // For SO_ERROR, read once.
  std::errc pending_error() const { return pending_error_; }
  std::errc take_error() { return std::exchange(pending_error_, std::errc{}); }

 protected:
  void watch(UniqueFd fd, std::uint32_t events) {
    fd_ = std::move(fd);
    events_ = events;
    watch_ = hub_.poller().watch(fd_.get(), events, *this);
  }
  void watch_for(std::uint32_t events) {
    if (events == events_ || !fd_) return;
    events_ = events;
    hub_.poller().change(watch_, events);
  }
  UniqueFd unwatch() {
    if (fd_) hub_.poller().unwatch(watch_);
    return std::move(fd_);
  }
  void drop_fd() { unwatch().reset(); }
  Time now() const { return hub_.poller().now(); }
  // In the socket's own family: an AF_INET6 socket sees IPv4-mapped addresses.
  Endpoint in_family(Endpoint endpoint) const {
    if (kind_.domain != AF_INET6) return endpoint;
    const bool is_wildcard = !endpoint.ip || endpoint.ip.is_unspecified();
    endpoint.ip = is_wildcard ? IpAddress::v6(Bytes(16)) : endpoint.ip.mapped();
    return endpoint;
  }

  Hub& hub_;
  const SocketId id_;
  const SocketKind kind_;
  const int owner_pid_;
  Options options_;
  UniqueFd fd_;  // our end
  bool is_over_ = false;
  std::errc pending_error_{};

 private:
  friend class SocketTable;
  Poller::WatchId watch_ = 0;
  std::uint32_t events_ = 0;
  // The table's notes about it.
  bool is_noted_ = false;
  Time armed_ = kNever;
};

}  // namespace ztshim::sockets
