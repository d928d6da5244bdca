// One message and at most one descriptor over a SOCK_SEQPACKET connection, and where a home's
// service listens. Works in any thread and in signal handlers: no locks, no allocation.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string_view>

#include "common/bytes.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ztshim::rpc {

// Blocks or not as the connection does; EINTR is repeated. `descriptor` (-1: none) is duplicated to
// the receiver. EAGAIN, EPIPE, ECONNRESET, … as sendmsg(2).
Result<void> send_message(int connection, ByteView message, int descriptor = -1);

struct ReceivedMessage {
  std::size_t size = 0;          // 0: the other side has closed
  UniqueFd descriptor;           // close-on-exec; only if one was allowed
  bool lost_descriptor = false;  // one came, but the process has no free number
};
enum class Descriptors : bool { Refuse, Allow };  // Refuse: the kernel drops what a stranger sends
// EMSGSIZE when the message is longer than `buffer`; EAGAIN, ECONNRESET, … as recvmsg(2).
Result<ReceivedMessage> receive_message(int connection, MutableBytes buffer,
                                        Descriptors descriptors);

// The address of HOME/service.sock. A path too long for sockaddr_un is reached through a descriptor
// of the directory, which must stay open until bind or connect has been called.
struct ServiceAddress {
  sockaddr_un address{};
  socklen_t length = 0;
  UniqueFd directory;

  static Result<ServiceAddress> in_home(const char* home);
};

// A blocking, close-on-exec connection to the service of a home. ENOENT, ECONNREFUSED: nobody
// there.
Result<UniqueFd> connect_to_service(const char* home);

}  // namespace ztshim::rpc
