#include "shim/datagram_connect.h"

#include <netinet/in.h>

#include <array>

#include "common/datagram.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/checked_sends.h"
#include "shim/client.h"
#include "shim/hint.h"
#include "shim/no_cancel.h"
#include "shim/replace_fd.h"
#include "shim/settings.h"
#include "shim/socket_swap.h"
#include "shim/user_memory.h"
#include "shim/wait.h"

namespace ztshim {
namespace {

using Kind = rpc::Reply::Kind;

// An empty endpoint: no peer any more (AF_UNSPEC).
Result<Endpoint> peer_of(const sockaddr* address, socklen_t length) noexcept {
  if (const auto checked = check_address(address, length); !checked) {
    return failure(checked.error());
  }
  if (length < sizeof(sa_family_t)) return failure(std::errc::invalid_argument);
  if (address->sa_family == AF_UNSPEC) return Endpoint{};
  return Endpoint::from_sockaddr(address, length);
}

Result<Connected> interpret(int fd, const SocketName& name, const rpc::Reply& reply,
                            const Endpoint& peer, socklen_t length) noexcept {
  switch (reply.kind) {
    case Kind::Done:
    case Kind::InProgress:
      mark_connected(fd, static_cast<bool>(peer));
      return Connected::Here;
    case Kind::Host: {
      const auto moved = become_host_socket(fd, name, BoundAddress::Carry);
      if (!moved) return failure(moved.error());
      return Connected::Kernel;
    }
    case Kind::Failed:
      return failure(address_error(reply.error, name, length));
    case Kind::Gone:
    case Kind::NotOurs:
    case Kind::NotReady:
      break;
  }
  return failure(std::errc::network_down);
}

int number_of(int fd, int level, int option) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  return real().getsockopt(fd, level, option, &value, &size) == 0 ? value : -1;
}

// ---- from the host to a network

struct Option {
  int level, name;
};
constexpr Option kCarried[] = {
    {SOL_SOCKET, SO_REUSEADDR},
    {SOL_SOCKET, SO_REUSEPORT},
    {SOL_SOCKET, SO_BROADCAST},
    {SOL_SOCKET, SO_TIMESTAMP},
    {SOL_SOCKET, SO_TIMESTAMPNS},
    {IPPROTO_IP, IP_TTL},
    {IPPROTO_IP, IP_TOS},
    {IPPROTO_IP, IP_MTU_DISCOVER},
    {IPPROTO_IP, IP_PKTINFO},
    {IPPROTO_IP, IP_RECVTTL},
    {IPPROTO_IP, IP_RECVTOS},
    {IPPROTO_IP, IP_RECVORIGDSTADDR},
    {IPPROTO_IP, IP_MULTICAST_TTL},
    {IPPROTO_IP, IP_MULTICAST_LOOP},
    {IPPROTO_IPV6, IPV6_V6ONLY},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {IPPROTO_IPV6, IPV6_TCLASS},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
    {IPPROTO_IPV6, IPV6_RECVTCLASS},
    {IPPROTO_IPV6, IPV6_RECVORIGDSTADDR},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP},
};
// Reported doubled.
constexpr Option kCarriedHalved[] = {{SOL_SOCKET, SO_RCVBUF}, {SOL_SOCKET, SO_SNDBUF}};

// What differs from a socket that was just made was set by the application.
void carry_options(int from, int fresh_host, const FreshSocket& to) noexcept {
  const auto carry = [&](const Option& option, int divisor) {
    const int value = number_of(from, option.level, option.name);
    if (value < 0 || value == number_of(fresh_host, option.level, option.name)) return;
    const int set = value / divisor;
    rpc::SetOption request{option.level, option.name, {}};
    request.value.assign(ByteView(reinterpret_cast<const std::uint8_t*>(&set), sizeof set));
    client::ask({to.name, request});
  };
  for (const Option& option : kCarried) carry(option, 1);
  for (const Option& option : kCarriedHalved) carry(option, 2);
}

// Where the socket is bound; nothing where it is bound to an address of the host for good.
std::optional<Endpoint> port_of(int fd) noexcept {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (real().getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  const auto local = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), size);
  if (!local) return {};
  size = sizeof address;
  // The address of a socket with a peer was chosen for that peer.
  const bool has_peer = real().getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!has_peer && !local->ip.unmapped().is_unspecified()) return {};
  constexpr std::array<std::uint8_t, 16> kAnySix{};
  const bool is_six = reinterpret_cast<const sockaddr&>(address).sa_family == AF_INET6;
  return Endpoint{is_six ? IpAddress::v6(kAnySix) : IpAddress::v4(std::uint32_t{INADDR_ANY}),
                  local->port};
}

bool is_datagram_of_host(int fd) noexcept {
  if (number_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM) return false;
  const int domain = number_of(fd, SOL_SOCKET, SO_DOMAIN);
  const int protocol = number_of(fd, SOL_SOCKET, SO_PROTOCOL);
  return (domain == AF_INET || domain == AF_INET6) && protocol == IPPROTO_UDP;
}

// Addresses that can be of no network, so that nobody need be asked.
bool is_surely_host(const Endpoint& peer) noexcept {
  const IpAddress ip = peer.ip.unmapped();
  return ip.is_unspecified() || (ip.is_loopback() && config().loopback == Loopback::Host);
}

Result<Connected> connect_fresh(int fd, const Endpoint& peer, socklen_t length) noexcept {
  const auto local = port_of(fd);
  if (!local) return Connected::Kernel;
  const int domain = number_of(fd, SOL_SOCKET, SO_DOMAIN);
  auto fresh = create_socket(domain, SOCK_DGRAM, 0);
  if (!fresh) return Connected::Kernel;
  const UniqueFd fresh_host(real().socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  carry_options(fd, fresh_host.get(), *fresh);
  // A port that is taken there is given up: the peer learns a new one with the next datagram.
  if (local->port != 0) client::ask({fresh->name, rpc::Bind{*local}});
  const auto answer = client::ask({fresh->name, rpc::Connect{peer, 0}});
  if (!answer || answer->reply.kind != Kind::Done) return Connected::Kernel;
  const SocketName name = fresh->name;
  hint::note(fd);
  if (const auto done = replace_fd(fd, std::move(fresh->descriptor)); !done) {
    return failure(done.error());
  }
  return interpret(fd, name, answer->reply, peer, length);
}

}  // namespace

Result<Connected> connect_datagram(int fd, const SocketName& name, const sockaddr* address,
                                   socklen_t length) noexcept {
  const NoCancel no_cancel;
  const auto peer = peer_of(address, length);
  if (!peer) return failure(address_error(peer.error(), name, length));
  checked_sends::forget_all();
  while (true) {
    const auto answer = client::ask({name, rpc::Connect{*peer, 0}});
    if (!answer) return failure(answer.error());
    if (answer->reply.kind != Kind::NotReady) {
      return interpret(fd, name, answer->reply, *peer, length);
    }
    const auto ready = wait_for_networks(!is_nonblocking(fd));
    if (!ready) return failure(ready.error());
  }
}

Result<Connected> connect_host_datagram(int fd, const sockaddr* address,
                                        socklen_t length) noexcept {
  const KeepErrno keep;
  const NoCancel no_cancel;
  const auto peer = peer_of(address, length);
  // What is wrong with the address the kernel says itself.
  if (!peer || !*peer || !is_datagram_of_host(fd)) return Connected::Kernel;
  if (mode() != Mode::Virtual || is_surely_host(*peer)) return Connected::Kernel;
  checked_sends::forget_all();
  return connect_fresh(fd, *peer, length);
}

}  // namespace ztshim
