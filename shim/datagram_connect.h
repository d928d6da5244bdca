// connect(2) on datagram sockets: a peer instead of a connection, at once, as often as one likes,
// and from the networks to the host and back.
#pragma once

#include <sys/socket.h>

#include "common/fd_contract.h"
#include "common/result.h"

namespace ztshim {

enum class Connected : unsigned char {
  Here,   // done
  Kernel  // the descriptor is the kernel's (now): repeat the call there
};

// Of a virtual socket.
Result<Connected> connect_datagram(int fd, const SocketName& name, const sockaddr* address,
                                   socklen_t length) noexcept;

// Of any other descriptor: a kernel datagram socket whose new peer is on one of the networks
// becomes a virtual one in place, with its options and its port.
Result<Connected> connect_host_datagram(int fd, const sockaddr* address, socklen_t length) noexcept;

}  // namespace ztshim
