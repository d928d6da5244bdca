// How it works. A datagram is one message through the pair, with a header in front if it says more
// than "these bytes to the connected peer". The pair gives no answer, so everything that sendto(2)
// may have to say is found out before: what the arguments tell here, the rest by asking the service
// once for each place (checked_sends).
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/datagram.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/ancillary.h"
#include "shim/answer.h"
#include "shim/checked_sends.h"
#include "shim/client.h"
#include "shim/datagram_io.h"
#include "shim/no_cancel.h"
#include "shim/pending_error.h"
#include "shim/scatter.h"
#include "shim/socket_swap.h"
#include "shim/user_memory.h"
#include "shim/wait.h"

namespace ztshim {
namespace {

using Kind = rpc::Reply::Kind;

constexpr std::size_t kMaxParts = 63;
// IP's own limit: what is longer needs no further question.
constexpr std::size_t kLongest = 0xffff;

struct Outgoing {
  std::array<std::uint8_t, DatagramHeader::kSize> header;
  std::array<iovec, kMaxParts + 1> parts;
  msghdr message;
  std::size_t header_size;  // 0: bare

  void prepare(Parts data, bool has_header) noexcept {
    header_size = has_header ? header.size() : 0;
    std::size_t count = 0;
    if (has_header) parts[count++] = {header.data(), header.size()};
    std::copy(data.begin(), data.end(), parts.begin() + static_cast<std::ptrdiff_t>(count));
    message = {};
    message.msg_iov = parts.data();
    message.msg_iovlen = count + data.size();
  }
};

enum class Way : unsigned char { Pair, Kernel };

bool is_six(const SocketName& name) noexcept {
  const auto domain = domain_of(name);
  return domain && *domain == AF_INET6;
}

// The destination of a call; nothing for the connected peer.
Result<std::optional<Endpoint>> destination_of(const SocketName& name,
                                               const msghdr& message) noexcept {
  const auto* const address = static_cast<const sockaddr*>(message.msg_name);
  const socklen_t length = message.msg_namelen;
  if (address == nullptr || length == 0) return std::optional<Endpoint>{};
  if (const auto checked = check_address(address, length); !checked) {
    return failure(checked.error());
  }
  if (length < sizeof(sa_family_t)) return failure(std::errc::invalid_argument);
  if (address->sa_family == AF_UNSPEC) {
    if (is_six(name)) return std::optional<Endpoint>{};  // as if there were none
    if (length < sizeof(sockaddr_in)) return failure(std::errc::invalid_argument);
    sockaddr_in in{};  // as AF_INET, for old programs' sake
    std::memcpy(&in, address, sizeof in);
    return std::optional(Endpoint{IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)});
  }
  const auto endpoint = Endpoint::from_sockaddr(address, length);
  if (endpoint) return std::optional(*endpoint);
  const bool is_unknown = endpoint.error() == std::errc::address_family_not_supported;
  if (is_unknown && is_six(name)) return failure(std::errc::invalid_argument);
  return failure(endpoint.error());
}

// UDP has no urgent data; over IPv6 nobody looks at the flag.
bool is_refused_flag(const SocketName& name, const std::optional<Endpoint>& to,
                     int flags) noexcept {
  if ((flags & MSG_OOB) == 0) return false;
  return to ? to->ip.unmapped().is_v4() : !is_six(name);
}

// May it leave? Way::Kernel: the descriptor has become the host's.
Result<Way> check_with_service(int fd, const checked_sends::Send& send, bool waits) noexcept {
  if (checked_sends::is_allowed(send)) return Way::Pair;
  const rpc::CheckSend request{send.destination, static_cast<std::uint32_t>(send.size),
                               send.interface_index};
  while (true) {
    const auto answer = client::ask({send.socket, request});
    // A child in a sandbox cannot ask. The pair tells if there is no service.
    if (!answer) return Way::Pair;
    switch (answer->reply.kind) {
      case Kind::Done:
      case Kind::InProgress:
        checked_sends::remember(send);
        return Way::Pair;
      case Kind::Failed:
        return failure(answer->reply.error);
      case Kind::Host: {
        const auto moved = become_host_socket(fd, send.socket, BoundAddress::Carry);
        if (!moved) return failure(moved.error());
        return Way::Kernel;
      }
      case Kind::NotReady: {
        const auto ready = wait_for_networks(waits);
        if (!ready) return failure(ready.error());
        continue;
      }
      case Kind::Gone:
      case Kind::NotOurs:
        return failure(std::errc::network_down);
    }
  }
}

bool must_have_header(const SocketName& name, const Scatter& data) noexcept {
  if (data.size == 0) return true;
  std::array<std::uint8_t, DatagramHeader::kMarkSize> front;
  return DatagramHeader::begins_with_mark(ByteView(front).first(copy_from(data.parts, front)),
                                          name);
}

Result<Way> prepare(int fd, const SocketName& name, const msghdr& message, const Scatter& data,
                    int flags, Outgoing& out) noexcept {
  const KeepErrno keep;
  const NoCancel no_cancel;
  if (data.size > kLongest) return failure(std::errc::message_size);
  // It would have to hold the bytes back for the next call: there is nowhere to.
  if ((flags & MSG_MORE) != 0) return failure(std::errc::operation_not_supported);
  const bool is_connected = is_marked_connected(fd);
  const auto destination = destination_of(name, message);
  if (!destination) return failure(destination.error());
  if (is_refused_flag(name, *destination, flags)) {
    return failure(std::errc::operation_not_supported);
  }
  if (!*destination && !is_connected) return failure(std::errc::destination_address_required);
  DatagramHeader header;
  header.socket = name;
  header.remote = destination->value_or(Endpoint{});
  const auto asked = read_ancillary(message, header);
  if (!asked) return failure(asked.error());
  std::errc error = pending_error::take_left(name);
  if (error == std::errc{} && is_connected) error = pending_error::take_queued(fd, name);
  if (error != std::errc{}) return failure(error);
  const checked_sends::Send send{name, header.remote, header.interface_index, data.size};
  const bool waits = (flags & MSG_DONTWAIT) == 0 && !is_nonblocking(fd);
  const auto way = check_with_service(fd, send, waits);
  if (!way || *way == Way::Kernel) return way;
  const bool has_header = *destination || asked->anything || must_have_header(name, data);
  if (has_header) header.write(out.header);
  out.prepare(data.parts, has_header);
  return way;
}

// The pair takes nothing any more: the application's own shutdown (EPIPE), or the service is gone.
ssize_t at_end(const SocketName& name) noexcept {
  const NoCancel no_cancel;
  const auto alive = client::ask({name, rpc::GetName{rpc::Side::Local}});
  const bool is_alive = alive && alive->reply.kind == Kind::Done;
  return fail(is_alive ? std::errc::broken_pipe : std::errc::network_down);
}

// From the many parts into a buffer of our own.
__attribute__((noinline)) ssize_t send_bounced(int fd, const SocketName& name,
                                               const msghdr& message, const Scatter& data,
                                               int flags) {
  std::array<std::uint8_t, kLongest + 1> buffer;
  iovec part{buffer.data(), copy_from(data.parts, buffer)};
  msghdr inner = message;
  inner.msg_iov = &part;
  inner.msg_iovlen = 1;
  return send_datagram(fd, name, &inner, flags);
}

}  // namespace

ssize_t send_datagram(int fd, const SocketName& name, const msghdr* message, int flags) {
  if (is_bad_pointer(message)) return fail(std::errc::bad_address);
  const auto data = scatter_of(message->msg_iov, message->msg_iovlen);
  if (!data) return fail(data.error());
  if (data->parts.size() > kMaxParts) return send_bounced(fd, name, *message, *data, flags);
  Outgoing out;
  const auto way = prepare(fd, name, *message, *data, flags, out);
  if (!way) return fail(way.error());
  if (*way == Way::Kernel) return real().sendmsg(fd, message, flags);
  const int saved = errno;
  const ssize_t size = real().sendmsg(fd, &out.message, (flags & MSG_DONTWAIT) | MSG_NOSIGNAL);
  if (size < 0) {
    const bool is_over = errno == EPIPE || errno == ECONNRESET;
    return is_over ? at_end(name) : -1;
  }
  errno = saved;
  return size - static_cast<ssize_t>(out.header_size);
}

void drop_queued_errors(int fd, const SocketName& name) noexcept {
  while (pending_error::take_queued(fd, name) != std::errc{}) {
  }
}

}  // namespace ztshim
