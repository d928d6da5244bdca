// Receiving from and sending through the pair of a datagram socket (docs/fd-contract.md,
// "Datagrams"). Everything the data calls have in common, with a msghdr as their common form.
//
// Both are cancellation points and are called where nothing with a destructor is alive. No
// allocation, no lock: usable in signal handlers.
#pragma once

#include <sys/socket.h>

#include "common/fd_contract.h"

namespace ztshim {

// What reading and writing a descriptor means.
enum class Carries : unsigned char {
  Plain,      // not ours, or a connection: libc's business
  Handshake,  // a connection that is not there yet: sending waits for it
  Nothing,    // a stream that was never connected
  Datagrams,  // these functions
  Accepts,    // a listener: no data at all
};
struct Carrier {
  Carries carries = Carries::Plain;
  SocketName name;
};
// Asks the kernel; errno is kept.
Carrier carrier_of(int fd) noexcept;

// When an ICMP error is met instead of a datagram: the call fails with it, or (recvmmsg, which has
// received something already) the next one does.
enum class OnError : unsigned char { Fail, LeaveForNext };

// recvmsg(2).
ssize_t receive_datagram(int fd, const SocketName& name, msghdr* message, int flags,
                         OnError on_error = OnError::Fail);
// sendmsg(2). Never raises SIGPIPE.
ssize_t send_datagram(int fd, const SocketName& name, const msghdr* message, int flags);

// FIONREAD: the size of the datagram that is next; 0 if there is none.
int next_datagram_size(int fd, const SocketName& name) noexcept;

// Errors that are next in the queue are no news any more: their errno has been fetched.
void drop_queued_errors(int fd, const SocketName& name) noexcept;

}  // namespace ztshim
