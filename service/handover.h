// How a service leaves its process: the process forks, and the copy goes on as the service alone.
// Only mechanics of processes here; what the service does before and after is in departure.cc.
//
// How it works. fork() is called where the service's thread is, so that this thread is the one that
// the copy has, and libc makes its own locks (malloc, stdio) and allocators that replace malloc fit
// for it. But the copy must not become a child of the application, which may wait for any of its
// children. So the thread that calls fork() is for this moment a process of its own, a middle one,
// that shares all memory with the original as a vfork child does: clone() makes it with no signal
// to send at its end and so invisible to wait(), it forks and ends at once, and the copy has lost
// its parent. No SIGCHLD is ever sent to the application.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/result.h"

namespace ztshim {

// Why this process must not be copied: it is the init of its namespace, which takes everybody with
// it when it ends, or its system calls are filtered. Null: it may.
const char* why_no_copy();

// Makes the copy, in which `body` runs on a stack of its own and must not return. Returns in the
// original only: the copy's process id, or errno. Called by the service's thread.
Result<pid_t, int> make_copy(void (*body)(void*), void* argument);

// In the copy: gives back everything the application had (descriptors, shared memory, terminal,
// directory, signal handlers), takes a name of its own, and lets SIGTERM and SIGINT call `stop`.
void settle_in_copy(void (*stop)(int));

}  // namespace ztshim
