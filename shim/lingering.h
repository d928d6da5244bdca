// close(2) that waits until everything has arrived (SO_LINGER with a time). The kernel object does
// not wait, so the hook of close does, and only in processes that have asked for it.
#pragma once

#include "common/bytes.h"

namespace ztshim {

// A virtual socket was given this SO_LINGER.
void note_linger(ByteView value) noexcept;
// Has this process set a time to linger on any virtual socket? One load from memory.
bool may_linger() noexcept;
// close(2), waiting if `fd` is a virtual socket that lingers and this was its last descriptor.
int close_lingering(int fd) noexcept;

}  // namespace ztshim
