// Descriptors that belong to us inside a stranger's process: kept out of the application's way,
// high in the number space, and remembered so that the hooks can protect them. Lock-free and free
// of allocation: usable in signal handlers and vfork children.
#pragma once

#include <atomic>

namespace ztshim {

// Who uses a descriptor of ours, and so who closes it when one process becomes two.
enum class FdUse : unsigned char {
  Service,   // goes where the service goes
  Program,   // a connection to the service: of this one process
  LifeLine,  // held by the host and all its forks until they end or exec (service/life_line.h)
  Log,       // of everybody
};

// Moves `fd` to a high number (close-on-exec) and remembers it as ours. Returns the new number; the
// old one is closed. When no high number is free the descriptor stays where it is. -1 stays -1.
int keep_internal_fd(int fd, FdUse use = FdUse::Service) noexcept;
// Remembers `fd` under the number it has (one that was inherited).
void adopt_internal_fd(int fd, FdUse use) noexcept;
bool is_internal_fd(int fd) noexcept;
// The first number of ours from `first` on, -1 if there is none.
int next_internal_fd(int first) noexcept;
void forget_internal_fd(int fd) noexcept;
// In a forked child, which must not keep the parent's service alive: closes the service's and the
// program's descriptors and forgets them, all but one.
void close_internal_fds_after_fork(int except = -1) noexcept;
void close_internal_fds_of(FdUse use) noexcept;
// Where only the service goes on: closes every descriptor that is not ours.
void close_foreign_fds() noexcept;

// ---- Giving a number up. An application may put a file of its own at any number (dup2); the file
// of ours that was there moves, and whoever holds the number is told.

// The same file under another number of ours; the old one stays open, but is no longer ours. -1:
// nothing has changed, there is no free number.
int move_internal_fd(int fd) noexcept;
// The same for what is used where no service is (log, life line), its holder told. False: it is
// another's.
bool move_shared_fd(int fd) noexcept;
// Who holds `fd`, noted by UniqueFd for numbers of ours alone; nullptr: nobody.
void note_holder(int fd, std::atomic<int>* holder) noexcept;
std::atomic<int>* holder_of(int fd) noexcept;

}  // namespace ztshim
