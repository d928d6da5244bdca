// Waiting as the kernel's blocking calls do it: signals, timeouts and cancellation included.
#pragma once

#include <sys/time.h>

#include "common/result.h"
#include "common/time.h"

namespace ztshim {

// After a call was interrupted: would the kernel restart it? It would if the handler that ran had
// SA_RESTART. Which one ran cannot be known; one without it anywhere counts as the one (an alarm
// meant as a time limit must end the call, a needless EINTR is allowed).
bool is_restarted_by_signals() noexcept;

// O_NONBLOCK.
bool is_nonblocking(int fd) noexcept;

enum class WaitEnd : unsigned char { Ready, TimedOut, Interrupted };

// Until `fd` is writable, failed or hung up, or SO_SNDTIMEO has passed. The cancellation point of a
// blocking connect: nothing with a destructor may be alive in the caller (catching or unwinding the
// cancellation with our static run-time library is what we avoid).
WaitEnd wait_for_connection(int fd);

// Until every joined network is up: as long as ZTSHIM_WAIT says, not cancellable. EINTR only if
// `may_be_interrupted`; ENETDOWN when the patience ends.
Result<void> wait_for_networks(bool may_be_interrupted) noexcept;

}  // namespace ztshim
