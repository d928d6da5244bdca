// connect(2). A connecting fd must not look writable before the handshake ends: it is
// filled with a gate that the service drains (docs/fd-contract.md). The blocking form is the same
// with a wait on the fd itself, so that signals, time limits and cancellation are the kernel's
// business.
#include <poll.h>
#include <sys/socket.h>

#include "common/datagram.h"
#include "common/fd_contract.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/datagram_connect.h"
#include "shim/gate.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/no_cancel.h"
#include "shim/socket_swap.h"
#include "shim/user_memory.h"
#include "shim/virtual_fd.h"
#include "shim/wait.h"

namespace ztshim {
namespace {

using Kind = rpc::Reply::Kind;

// Where a connect stands after talking to the service.
struct Step {
  enum class Next : unsigned char { Kernel, Done, Fail, Wait } next;
  std::errc error{};  // Fail: the answer. Wait: the answer if the time limit ends it
};

Step failed(std::errc error) noexcept { return {Step::Next::Fail, error}; }

// Has the service closed its end: after a failed attempt, or when a connection is over?
bool is_hung_up(int fd) noexcept {
  pollfd asked{fd, 0, 0};
  return real().poll(&asked, 1, 0) > 0 && (asked.revents & POLLHUP) != 0;
}

// The kernel object's own idea of the error (ECONNRESET) must not come up later.
void clear_kernel_error(int fd) noexcept {
  int ignored = 0;
  socklen_t size = sizeof ignored;
  real().getsockopt(fd, SOL_SOCKET, SO_ERROR, &ignored, &size);
}

// A pair whose service end is closed: the failure that nobody has fetched yet is the answer; after
// that the socket may be connected again, which takes a new pair.
Step revive(int fd, SocketName& name) noexcept {
  const auto verdict = client::ask({name, rpc::TakeError{}});
  if (!verdict || verdict->reply.kind != Kind::Done) return failed(std::errc::network_down);
  if (verdict->reply.number != 0) {
    clear_kernel_error(fd);
    return failed(static_cast<std::errc>(verdict->reply.number));
  }
  const auto peer = client::ask({name, rpc::GetName{rpc::Side::Peer}});
  if (peer && peer->reply.kind == Kind::Done) return failed(std::errc::already_connected);
  const auto fresh = become_fresh_socket(fd, name, OldConnection::Over);
  if (!fresh) return failed(fresh.error());
  name = *fresh;
  return {Step::Next::Done, {}};
}

// AF_UNSPEC dissolves the association: what is left is a new socket, and the peer is reset.
Step dissolve(int fd, const SocketName& name) noexcept {
  const auto fresh = become_fresh_socket(fd, name, OldConnection::Reset);
  return fresh ? Step{Step::Next::Done, {}} : failed(fresh.error());
}

Step interpret(int fd, const SocketName& name, const rpc::Reply& reply, std::size_t gate,
               socklen_t length) noexcept {
  switch (reply.kind) {
    case Kind::Done:
      return {Step::Next::Done, {}};
    case Kind::InProgress:
      mark_fresh(fd, false);
      fill_gate(fd, gate);
      if (is_nonblocking(fd)) return failed(std::errc::operation_in_progress);
      return {Step::Next::Wait, std::errc::operation_in_progress};
    case Kind::Host: {
      const auto moved = become_host_socket(fd, name, BoundAddress::Carry);
      return moved ? Step{Step::Next::Kernel, {}} : failed(moved.error());
    }
    case Kind::Failed:
      if (reply.error == std::errc::connection_already_in_progress && !is_nonblocking(fd)) {
        return {Step::Next::Wait, reply.error};
      }
      return failed(address_error(reply.error, name, length));
    case Kind::Gone:
    case Kind::NotOurs:
    case Kind::NotReady:
      return failed(std::errc::network_down);
  }
  return failed(std::errc::network_down);
}

Step of_datagram(const Result<Connected>& connected) noexcept {
  if (!connected) return failed(connected.error());
  return {*connected == Connected::Kernel ? Step::Next::Kernel : Step::Next::Done, {}};
}

Step begin(int fd, const sockaddr* address, socklen_t length) noexcept {
  const NoCancel no_cancel;
  auto name = virtual_socket(fd);
  if (!name) return of_datagram(connect_host_datagram(fd, address, length));
  if (is_datagram_pair(fd)) return of_datagram(connect_datagram(fd, *name, address, length));
  if (const auto checked = check_address(address, length); !checked) return failed(checked.error());
  if (length < sizeof(sa_family_t)) return failed(std::errc::invalid_argument);
  if (address->sa_family == AF_UNSPEC) return dissolve(fd, *name);
  const auto peer = Endpoint::from_sockaddr(address, length);
  if (!peer) return failed(address_error(peer.error(), *name, length));
  if (is_listener(fd)) return failed(std::errc::already_connected);
  if (is_hung_up(fd)) {
    const Step revived = revive(fd, *name);
    if (revived.next != Step::Next::Done) return revived;
  }
  const std::size_t gate = gate_size_of(fd);
  while (true) {
    const rpc::Connect request{*peer, static_cast<std::uint32_t>(gate)};
    const auto answer = client::ask({*name, request});
    if (!answer) return failed(answer.error());
    if (answer->reply.kind != Kind::NotReady) {
      return interpret(fd, *name, answer->reply, gate, length);
    }
    const auto ready = wait_for_networks(!is_nonblocking(fd));
    if (!ready) return failed(ready.error());
  }
}

// The wait is over: success, the service's verdict, or (woken for nothing) wait on.
Step conclude(int fd, const sockaddr* address, socklen_t length) noexcept {
  const NoCancel no_cancel;
  const auto name = virtual_socket(fd);
  const auto peer = Endpoint::from_sockaddr(address, length);
  if (!name || !peer) return failed(std::errc::bad_file_descriptor);
  if (is_hung_up(fd)) {
    const auto verdict = client::ask({*name, rpc::TakeError{}});
    if (!verdict || verdict->reply.kind != Kind::Done) return failed(std::errc::network_down);
    if (verdict->reply.number != 0) {
      clear_kernel_error(fd);
      return failed(static_cast<std::errc>(verdict->reply.number));
    }
  }
  // Asking again tells that it is established, and counts as the one time connect says so.
  const auto answer = client::ask({*name, rpc::Connect{*peer, 0}});
  if (!answer) return failed(answer.error());
  if (answer->reply.kind == Kind::Done) return {Step::Next::Done, {}};
  if (answer->reply.kind != Kind::Failed) return failed(std::errc::network_down);
  // Another thread waited for the same handshake and was told first.
  if (answer->reply.error == std::errc::already_connected) return {Step::Next::Done, {}};
  if (answer->reply.error == std::errc::connection_already_in_progress) {
    return {Step::Next::Wait, std::errc::operation_in_progress};
  }
  return failed(answer->reply.error);
}

}  // namespace
}  // namespace ztshim

// A cancellation point, so not noexcept: the wait below may be unwound, and then nothing with a
// destructor may be alive here.
extern "C" ZTSHIM_HOOK int connect(int fd, const sockaddr* address, socklen_t length) {
  using namespace ztshim;
  if (Inside::active()) return real().connect(fd, address, length);
  const int saved = errno;
  Step step = begin(fd, address, length);
  while (step.next == Step::Next::Wait) {
    const WaitEnd end = wait_for_connection(fd);
    if (end == WaitEnd::TimedOut) return fail(step.error);
    if (end == WaitEnd::Interrupted) return fail(std::errc::interrupted);
    step = conclude(fd, address, length);
  }
  if (step.next == Step::Next::Fail) return fail(step.error);
  errno = saved;
  if (step.next == Step::Next::Kernel) return real().connect(fd, address, length);
  return 0;
}

extern "C" ZTSHIM_HOOK int __connect(int fd, const sockaddr* address, socklen_t length) {
  return connect(fd, address, length);
}
