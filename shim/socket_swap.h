// Gives a virtual socket another file in place: a kernel socket when it turns out to be for the
// host, or a fresh pair when a failed one is to be connected again. What was set on it goes along.
#pragma once

#include "common/fd_contract.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ztshim {

enum class BoundAddress : bool { Leave, Carry };

// Afterwards `fd` is an ordinary kernel socket of the same family with the options set so far,
// bound as the virtual one was if asked to. EADDRINUSE and EADDRNOTAVAIL come from that bind; then,
// and with every other error, nothing has changed.
Result<void> become_host_socket(int fd, const SocketName& name, BoundAddress bound) noexcept;

// Afterwards `fd` is a new virtual socket, as socket() would make it, with the options set so far
// but not bound (the kernel keeps an explicit bind; programs that retry on one socket do not bind).
// Returns its name.
enum class OldConnection : unsigned char { Over, Reset };
Result<SocketName> become_fresh_socket(int fd, const SocketName& name, OldConnection old) noexcept;

// A new virtual socket; the descriptor is close-on-exec and blocking.
struct FreshSocket {
  SocketName name;
  UniqueFd descriptor;
};
Result<FreshSocket> create_socket(int domain, int type, int protocol) noexcept;

// AF_INET or AF_INET6.
Result<int> domain_of(const SocketName& name) noexcept;

// What bind and connect say about an address that is refused with `error`: where it is of a wrong
// family, AF_INET6 sockets look at the length first.
std::errc address_error(std::errc error, const SocketName& name, socklen_t length) noexcept;

}  // namespace ztshim
