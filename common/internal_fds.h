// Descriptors that belong to us inside a stranger's process: kept out of the application's way,
// high in the number space, and remembered so that the close hook can protect them. Lock-free and
// free of allocation: usable in signal handlers and vfork children.
#pragma once

namespace ztshim {

// Moves `fd` to a high number (close-on-exec) and remembers it as ours. Returns the new number; the
// old one is closed. When no high number is free the descriptor stays where it is. -1 stays -1.
int keep_internal_fd(int fd) noexcept;
bool is_internal_fd(int fd) noexcept;
void forget_internal_fd(int fd) noexcept;
// In a forked child, which must not keep the parent's service alive: closes every remembered
// descriptor and forgets it.
void close_internal_fds_after_fork() noexcept;

}  // namespace ztshim
