// The process is about to end or to become another program: the service that it hosts must not end
// with it while it has work.
#pragma once

namespace ztshim {

// Nothing to do where no service is hosted (one load from memory), also in children of every kind.
// Otherwise the service is handed over to a copy of this process, or, where that cannot be,
// everything that was written is sent first (bounded). Afterwards this process hosts nothing; its
// sockets and connections to the service go on to work if the service does. Async-signal-safe,
// keeps errno; before exit, _exit, daemon() and exec.
void leave_service() noexcept;

}  // namespace ztshim
