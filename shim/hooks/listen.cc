// bind(2) and listen(2).
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "common/datagram.h"
#include "common/fd_contract.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/checked_sends.h"
#include "shim/client.h"
#include "shim/gate.h"
#include "shim/hint.h"
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

// AF_UNSPEC with the wildcard address means AF_INET to bind(2), for old programs' sake.
Result<Endpoint> address_to_bind(const sockaddr* address, socklen_t length) noexcept {
  if (address->sa_family != AF_UNSPEC || length < sizeof(sockaddr_in)) {
    return Endpoint::from_sockaddr(address, length);
  }
  sockaddr_in in{};
  std::memcpy(&in, address, sizeof in);
  if (in.sin_addr.s_addr != INADDR_ANY) return failure(std::errc::address_family_not_supported);
  return Endpoint{IpAddress::v4(std::uint32_t{INADDR_ANY}), ntohs(in.sin_port)};
}

int bind_virtual(int fd, const SocketName& name, const sockaddr* address,
                 socklen_t length) noexcept {
  const NoCancel no_cancel;
  if (const auto checked = check_address(address, length); !checked) return fail(checked.error());
  if (length < sizeof(sa_family_t)) return fail(std::errc::invalid_argument);
  const auto local = address_to_bind(address, length);
  if (!local) return fail(address_error(local.error(), name, length));
  while (true) {
    const auto answer = client::ask({name, rpc::Bind{*local}});
    // bind(2) knows no "network is down"; without a network the address is nobody's.
    if (!answer) return fail(std::errc::address_not_available);
    switch (answer->reply.kind) {
      case Kind::Done:
      case Kind::InProgress:
        checked_sends::forget_all();
        return 0;
      case Kind::Host: {
        const auto moved = become_host_socket(fd, name, BoundAddress::Leave);
        return moved ? real().bind(fd, address, length) : fail(moved.error());
      }
      case Kind::NotReady:
        if (!wait_for_networks(false)) return fail(std::errc::address_not_available);
        continue;
      case Kind::Failed:
        return fail(address_error(answer->reply.error, name, length));
      case Kind::Gone:
      case Kind::NotOurs:
        return fail(std::errc::address_not_available);
    }
  }
}

int listen_virtual(int fd, const SocketName& name, int backlog) noexcept {
  const NoCancel no_cancel;
  if (is_datagram_pair(fd)) return fail(std::errc::operation_not_supported);
  // A second listen only changes the backlog; the gate stands already.
  const std::size_t gate = is_listener(fd) ? 0 : gate_size_of(fd);
  const auto answer = client::ask({name, rpc::Listen{backlog, static_cast<std::uint32_t>(gate)}});
  // What listen(2) says when there is no port to be had: here, no network to have it on.
  if (!answer) return fail(std::errc::address_in_use);
  switch (answer->reply.kind) {
    case Kind::Done:
    case Kind::InProgress:
      if (gate > 0) {
        mark_listener(fd);
        hint::note(fd);
        fill_gate(fd, gate);
      }
      return 0;
    case Kind::Host: {
      const auto moved = become_host_socket(fd, name, BoundAddress::Carry);
      return moved ? real().listen(fd, backlog) : fail(moved.error());
    }
    case Kind::Failed:
      return fail(answer->reply.error);
    case Kind::NotReady:
    case Kind::Gone:
    case Kind::NotOurs:
      return fail(std::errc::address_in_use);
  }
  return fail(std::errc::address_in_use);
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
  using namespace ztshim;
  const auto name = Inside::active() ? std::nullopt : virtual_socket(fd);
  if (!name) return real().bind(fd, address, length);
  return bind_virtual(fd, *name, address, length);
}

extern "C" ZTSHIM_HOOK int listen(int fd, int backlog) noexcept {
  using namespace ztshim;
  const auto name = Inside::active() ? std::nullopt : virtual_socket(fd);
  if (!name) return real().listen(fd, backlog);
  return listen_virtual(fd, *name, backlog);
}
