// Control messages of datagrams: what recvmsg(2) tells about one, in the kernel's order, and what
// sendmsg(2) asks for.
#pragma once

#include <sys/socket.h>

#include "common/datagram.h"
#include "common/result.h"

namespace ztshim {

// Fills the application's buffer as far as it goes, sets msg_controllen to what was used, and
// MSG_CTRUNC in `flags` where something did not fit.
void put_ancillary(const DatagramHeader& header, msghdr& message, int& flags) noexcept;

// The one that MSG_ERRQUEUE brings: IP_RECVERR, or IPV6_RECVERR for an AF_INET6 socket.
void put_error_message(const DatagramError& error, msghdr& message, int& flags) noexcept;

// What control messages ask of a datagram goes into its header: source, interface, hop limit,
// traffic class. Descriptors and credentials are ignored, as UDP does. EINVAL: malformed, unknown
// or out of range.
struct Asked {
  bool anything = false;
};
Result<Asked> read_ancillary(const msghdr& message, DatagramHeader& header) noexcept;

// The same check for a connection, which takes nothing from them.
Result<void> check_stream_ancillary(const msghdr& message) noexcept;

}  // namespace ztshim
