// An error of a datagram socket (ECONNREFUSED and the like, from ICMP) that some call owes to the
// application. The service keeps it until it is fetched; a message in the socket's queue tells that
// there is one.
#pragma once

#include <cstdint>
#include <system_error>

#include "common/datagram.h"
#include "common/fd_contract.h"

namespace ztshim::pending_error {

// Fetches and clears it: 0 if it was fetched already. `told` is what the message said, for children
// in a sandbox that cannot ask.
std::errc take(const SocketName& name, std::errc told) noexcept;

// A message about it was read by a call that cannot fail any more: the next call fetches it. (In
// this process; elsewhere SO_ERROR tells.)
void leave_for_next(const SocketName& name) noexcept;
// The errno left by such a call; 0: none.
std::errc take_left(const SocketName& name) noexcept;

// If the socket's queue begins with a message about an error: takes it out and fetches the error.
std::errc take_queued(int fd, const SocketName& name) noexcept;

}  // namespace ztshim::pending_error
