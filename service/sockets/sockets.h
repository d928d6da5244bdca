// All virtual sockets of a service, by id. Each joins the service's end of a repurposed fd to an
// lwIP pcb. What applications do arrives here from the RPC handlers (control) and through the fds
// (data).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/fd_contract.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "service/sockets/poller.h"
#include "service/stack/stack.h"

namespace ztshim::sockets {

struct SocketKind {
  int domain = 0;    // AF_INET, AF_INET6
  int type = 0;      // SOCK_STREAM, SOCK_DGRAM
  int protocol = 0;  // as given to socket()
};

// What an operation came to. Host: the shim replaces the fd by a kernel socket and repeats the call
// there (remembered_options() first).
struct Outcome {
  enum class Kind : std::uint8_t { Done, InProgress, Host, Failed };
  Kind kind = Kind::Done;
  std::errc error{};
};

struct SocketInfo {  // for `ztshim sockets` and status
  SocketId id{};
  SocketKind kind;
  std::string state;  // "CLOSED", "SYN_SENT", "ESTABLISHED", "LISTEN", …
  Endpoint local, peer;
  std::uint64_t unsent_bytes = 0;  // in the fd, queued or unacknowledged in the stack
  std::uint64_t unread = 0;        // bytes (about); connections of a listener
  int owner_pid = 0;
};

struct Policy {
  enum class Egress : std::uint8_t { Split, Virtual } egress = Egress::Split;
  enum class Listen : std::uint8_t { Virtual, Host, Both } listen = Listen::Virtual;
  enum class Loopback : std::uint8_t { Host, Virtual } loopback = Loopback::Host;
};

// Whose a destination is (architecture.md 6), and why.
struct Decision {
  enum class Way : std::uint8_t { Virtual, Host, Refused } way = Way::Refused;
  enum class Reason : std::uint8_t {
    Loopback,   // or the unspecified address, which means loopback to connect(2); `hop` if virtual
    Multicast,  // nothing to connect to
    LinkLocal,  // of no network without a scope
    Interface,  // the interface it is to go by is the host's
    Route,      // `hop` is the way
    NoRoute,    // on none of the networks
  } reason = Reason::NoRoute;
  std::optional<stack::Stack::Hop> hop;
};

class Sockets {
 public:
  // All references outlive this object.
  Sockets(stack::Stack& stack, Poller& poller, ServiceId service);
  ~Sockets();
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  struct Created {
    SocketId id{};
    UniqueFd application_end;  // blocking, close-on-exec; named (fd_contract.h)
  };
  // EMFILE, ENFILE, ENOBUFS; EPROTONOSUPPORT, ESOCKTNOSUPPORT, EAFNOSUPPORT as socket(2).
  Result<Created> create(const SocketKind& kind, int owner_pid);
  bool exists(SocketId id) const;
  int owner_pid(SocketId id) const;

  // The address decides (architecture.md 6): an own address or, under Listen::Virtual, the wildcard
  // is ours; loopback is whose Policy::loopback says; everything else is Host under Split,
  // EADDRNOTAVAIL under Virtual.
  Outcome bind(SocketId id, const Endpoint& local, const Policy& policy);
  // The shim has promised a gate of `gate_bytes` (0: none) and writes it after this call returns
  // InProgress; it may arrive before or after the handshake ends.
  Outcome connect(SocketId id, const Endpoint& peer, std::size_t gate_bytes, const Policy& policy);
  // Of a datagram socket: would a datagram to `to` (empty: to the peer) leave? Binds it.
  Outcome check_send(SocketId id, const Endpoint& to, std::size_t size,
                     std::uint32_t interface_index, const Policy& policy);
  // What connect() does for a socket that is bound to no address. `ip` is not IPv4-mapped.
  // `interface_index`: by this interface alone (the scope, or what the socket is bound to); 0: any.
  Decision decide(const IpAddress& ip, const Policy& policy,
                  std::uint32_t interface_index = 0) const;
  // From now on the pair carries AcceptMessages; again: changes the backlog. Without bind: a free
  // port.
  Outcome listen(SocketId id, int backlog, std::size_t gate_bytes, const Policy& policy);
  // An accept message whose fd was lost to the descriptor limit: hand the connection over again,
  // first.
  Outcome return_connection(SocketId listener, std::uint64_t connection);
  // What shutdown(2) must say before the shim does it on the fd: ENOTCONN where TCP would.
  Outcome shutdown(SocketId id, int how);

  Result<Endpoint> local_name(SocketId id) const;  // wildcard and port 0 before bind
  Result<Endpoint> peer_name(SocketId id) const;   // ENOTCONN
  // A pending error, cleared by asking (SO_ERROR); 0 none.
  int take_error(SocketId id);
  // The oldest of a datagram socket's error queue (DatagramError and bytes); nothing: none.
  std::optional<Bytes> take_error_message(SocketId id);
  // Options the service knows (interposition.md 10). ENOPROTOOPT, EINVAL, … as the man pages say.
  // NotOurs (operation_not_supported is never used for it): std::nullopt = let the kernel object
  // answer.
  Result<std::optional<Bytes>> get_option(SocketId id, int level, int name, std::size_t size);
  // true: done here; false: apply it to the kernel object as well (SO_SNDBUF, SO_RCVTIMEO, …).
  Result<bool> set_option(SocketId id, int level, int name, ByteView value);
  // Everything set so far, in order, for a kernel socket that takes the place of this one.
  struct RememberedOption {
    int level = 0, name = 0;
    Bytes value;
  };
  std::vector<RememberedOption> remembered_options(SocketId id) const;
  Result<SocketKind> kind(SocketId id) const;
  // For close(2) with SO_LINGER, once it is closed: nothing when there is nothing left to wait for;
  // else a descriptor that becomes readable (end of file) then. EMFILE, ENFILE.
  Result<std::optional<UniqueFd>> await_sent(SocketId id);
  // SIOCOUTQ: bytes not yet acknowledged by the peer.
  std::uint64_t unsent_bytes(SocketId id) const;

  std::vector<SocketInfo> list() const;
  // Nothing left to send on any socket whose application end is closed: a host may exit.
  bool is_drained() const;
  // Does any process hold a socket, or wait in a queue for somebody who does?
  bool is_in_use() const;
  // Of all together.
  std::uint64_t unsent_bytes() const;
  // That process ends while it still hosts us: treats its sockets as closed, so that what was
  // written and a FIN still go out; is_drained() tells when.
  void close_sockets_of(int owner_pid);

  // What the stack and the fds told since the last call is acted upon here, once for a whole batch.
  // While something waits, next_deadline() is the present time: a turn of the loop serves the fds,
  // feeds the stack, runs the stack's timers and then calls this before it waits again.
  void on_deadline(Time now);
  Time next_deadline() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ztshim::sockets
