// The one door between shim and service within a process: start and stop of the service thread.
// Declared here, defined in service/entry.cc. The shim talks to a service in its own process
// exactly as to any other, over HOME/service.sock.
#pragma once

#include <string>

#include "common/config.h"
#include "common/time.h"

namespace ztshim {

struct ServiceStart {
  enum class Kind : unsigned char {
    Hosting,    // the thread runs and HOME/service.sock accepts connections
    Elsewhere,  // another process holds the home's lock; its socket may take a moment to appear
    Failed,     // `reason` says why, in one line
  };
  Kind kind = Kind::Failed;
  std::string reason;
};

// Starts the service thread of this process (all signals blocked in it) unless another process
// hosts the home. Returns when the socket listens; an identity may have to be made first (seconds).
// Called with all signals blocked, by one thread at a time; Hosting again when it already runs. In
// a process forked from a hosting one it fails: the copied state belongs to the parent.
ServiceStart start_service(const Config& config) noexcept;

// Does this very process (not its parent before a fork) run the service thread?
bool is_hosting_service() noexcept;

// The application is about to put a file of its own at the number `fd`, which the service in this
// process holds (common/internal_fds.h): the service moves to another one. Nothing to do when not
// hosting. Called with all signals blocked.
void vacate_service_fd(int fd) noexcept;

// Waits until nothing is left to send for descriptors that the application has closed; gives up
// when nothing at all was acknowledged for `patience`. True: everything arrived.
bool drain_service(Duration patience) noexcept;

// Ends the thread, writes the state, removes the socket. Nothing to do when not hosting.
void stop_service() noexcept;

// For a process that is about to end or to become another program. While the service still has work
// (unsent bytes, other processes that use it) it goes on in a copy of this process that nobody
// knows of; this one then hosts nothing any more and is a client of the copy like any other.
// Async-signal- safe, as _exit is. docs/fork-and-exec.md.
enum class HandOver : unsigned char {
  Done,     // this process hosts nothing (any more): handed over, or ended for want of work
  Refused,  // there is work, and no copy can be made: drain_service() and stop_service() are left
};
HandOver hand_over_service() noexcept;

// In the parent of a fork: children that cannot host a service of their own depend on this one.
void note_fork_of_host() noexcept;
// The first thread has ended by itself. libc ends a process with its last thread and counts ours:
// so the service looks from now on whether it is the last.
void note_end_of_first_thread() noexcept;
// In a child's fork handler: is this the copy in which the service goes on?
bool is_service_copy() noexcept;

// In the child after fork(): this process hosts nothing, and the copied state is never touched
// again.
void forget_service_after_fork() noexcept;

}  // namespace ztshim
