// One request to the service and its reply. Finds the service of the home, or becomes its host.
// Works from any thread, in signal handlers and in children; switches cancellation off meanwhile.
#pragma once

#include "common/result.h"
#include "common/rpc_messages.h"
#include "common/time.h"
#include "common/unique_fd.h"

namespace ztshim::client {

struct Answer {
  rpc::Reply reply;
  UniqueFd descriptor;
  bool lost_descriptor = false;  // one came, but the process is at its limit
};

// ENETDOWN: there is no service and none could be started. errno is kept.
Result<Answer> ask(const rpc::Request& request) noexcept;

// The application wants the number of one of our connections, which moves. False: it was none.
bool vacate(int fd) noexcept;

// Makes sure that there is a connection, in a process that has had one: it will soon be unable to
// open another.
void warm_up() noexcept;

// In a forked child: the connections are the parent's. (Their descriptors are closed by
// close_internal_fds_after_fork.)
void forget_connections() noexcept;

}  // namespace ztshim::client
