// The errno that a call on a connection owes when the pair's own says too little: AF_UNIX knows
// ECONNRESET for a reader and EPIPE for a writer, whatever ended the connection. Asked only after a
// call has failed, so that connections that work cost nothing.
#pragma once

#include <sys/types.h>

#include "common/fd_contract.h"

namespace ztshim {

// The error of a stream, fetched and cleared on both sides: an errno, or 0. The kernel object says
// whether there is one, the service says which.
int take_stream_error(int fd, const SocketName& name) noexcept;

// After a receive that failed with ECONNRESET, which has cleared the kernel object's error. Sets
// errno and returns -1, or returns 0 at the peer's end; descriptors that are not ours keep what
// they have.
ssize_t explain_reset(int fd) noexcept;
// After a send that failed with EPIPE: a reset or a failed connect is told first, once.
ssize_t explain_broken_pipe(int fd) noexcept;

}  // namespace ztshim
