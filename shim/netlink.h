// Sockets of NETLINK_ROUTE stay the kernel's; our interfaces come into what it tells about links
// and addresses, as a message of their own in front of its own. Programs that speak netlink
// themselves (iproute2, libnl) see what getifaddrs shows to the others.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <optional>

namespace ztshim::netlink {

// Does this process have such sockets, and are there questions that we have not answered yet? One
// load from memory each, which is all that other descriptors pay.
inline constinit std::atomic<bool> has_sockets{false};
inline constinit std::atomic<int> open_questions{0};

// A request is about to be sent.
void note_request(int fd, const msghdr& message) noexcept;

// Our message, if it is its turn: what recvmsg(2) returns. Nothing: the kernel's turn.
std::optional<ssize_t> answer(int fd, msghdr* message, int flags) noexcept;

// In a forked child, which may have been made while another thread was at it.
void forget_questions() noexcept;

}  // namespace ztshim::netlink
