// Which process is this? Every way of making a process copies or shares our memory, and only fork()
// itself tells us (pthread_atfork). The others are noticed here at the next use
// (interposition 7.1).
#pragma once

namespace ztshim {

enum class ProcessKind : unsigned char {
  Own,          // the process in which our state was made, or a fork of it that has cleaned up
  SharesMemory  // a vfork child before exec: our state is its parent's
};

// Cleans up in a fork that nobody told us of; cheap (one system call).
ProcessKind process_kind() noexcept;

// The same for fork(), called by its handler: forgets the parent's service and connections.
void become_forked_child() noexcept;

}  // namespace ztshim
