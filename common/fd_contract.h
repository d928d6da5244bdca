// The agreement between shim and service about a repurposed fd: how it is named, what fills it
// while a connection is being made, what a listener carries. docs/fd-contract.md tells the whole
// story.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <compare>
#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/endpoint.h"

namespace ztshim {

// A running service (random, new at each start) and a virtual socket within it (never reused).
enum class ServiceId : std::uint64_t {};
enum class SocketId : std::uint64_t {};

// ---- The name. The service binds the application's end to the abstract AF_UNIX name
//   \0 "ztshim/" 16 hex digits of the service "/" 16 hex digits of the socket
// so that getsockname() on any copy of the fd, in any process, says which socket it is. The name is
// a reference, not a right: the service checks who asks.
inline constexpr std::size_t kSocketNameSize = 1 + 7 + 16 + 1 + 16;
struct SocketName {
  ServiceId service{};
  SocketId socket{};

  // Fills `address` and returns its length; no allocation.
  socklen_t to_sockaddr(sockaddr_un& address) const;
  // Nothing when the address is not such a name.
  static std::optional<SocketName> from_sockaddr(const sockaddr_un& address, socklen_t length);
  auto operator<=>(const SocketName&) const = default;
};

// ---- The gate. A connecting (or listening) fd must not be writable. The shim announces
// gate_size(effective SO_SNDBUF) bytes in its request and writes them into the application's end:
// all but the last in one send, the last in a send of its own. The service consumes all but that
// last byte when the handshake ends, and never forwards any of them. (A kernel stream is writable
// while queued memory x 4 <= SO_SNDBUF.)
inline constexpr std::size_t kSeedSize = 1;
std::size_t gate_size(int effective_send_buffer);

// ---- The newest-byte rule. The service's end of a stream is never empty: its newest byte is left
// in the queue (peeked, forwarded, skipped at the next read), because closing an end that holds
// unread data is what shows the application ECONNRESET. For connecting sockets the first such byte
// is the gate's last one; for accepted sockets the service writes kSeedSize bytes through the
// application's end before handing it over.

// ---- The accept message: one per connection on the listener's pair, with the accepted fd attached
// (SCM_RIGHTS). Fixed size, host byte order (same machine).
// Both addresses have the listener's family (IPv4-mapped for an AF_INET6 listener), so that accept
// needs no question to the service.
struct AcceptMessage {
  static constexpr std::size_t kSize = 64;
  std::uint64_t connection = 0;  // what to name when it cannot be taken (descriptor limit)
  Endpoint peer;
  Endpoint local;

  void write(std::span<std::uint8_t, kSize> to) const;
  static std::optional<AcceptMessage> read(ByteView from);
};

// ---- The listener mark. The shim sets SO_DONTROUTE on the application's end of a listener:
// AF_UNIX ignores it and the application's own SO_DONTROUTE goes to the service, so the bit is free
// to say, in any process that holds the fd, that reading from it takes a connection and not data.
bool mark_listener(int fd) noexcept;
bool is_listener(int fd) noexcept;

// ---- The fresh mark. A stream's end that was made by socket() and neither connects nor listens
// yet has SO_BROADCAST: data calls on it fail, as TCP's do, instead of waiting for ever. (The
// application's own SO_BROADCAST goes to the service. On datagram pairs the bit means the opposite,
// datagram.h.)
void mark_fresh(int fd, bool is_fresh) noexcept;
bool is_fresh(int fd) noexcept;

}  // namespace ztshim
