// What the environment asks of this process, and whether the library does anything at all. Read
// once: programs change and clear their environment later.
#pragma once

#include "common/config.h"

namespace ztshim {

enum class Mode : unsigned char {
  PassThrough,  // switched off, no network to be on, or wrongly configured under split
  Virtual,      // INET sockets are ours
  Refuse,       // wrongly configured under ZTSHIM_EGRESS=virtual: nothing may leak
};

// Called by the constructor; hooks that run before it call it themselves.
void read_settings() noexcept;
// Could mode() be Virtual, or may descriptors of a parent's networks be here? False only where the
// library is switched off.
bool may_be_active() noexcept;

// Decided at the first call, which is the first INET socket: a program that makes none is
// not told about wrong settings or a missing network. While the decision is being made the thread
// making it gets PassThrough (its own calls must not come back here).
Mode mode() noexcept;

// Is nothing to leak (ZTSHIM_EGRESS=virtual, and the library is not switched off)? Known from the
// start; no allocation.
bool is_strict() noexcept;

// Only under Mode::Virtual.
const Config& config() noexcept;

}  // namespace ztshim
