// The header of a packet that goes unprotected between networks whose operator says so: suite 2,
// and an agreed number in place of the authenticator. Who may do that is VL1's business.
// Notes: vl1-crypto 5.6.
#pragma once

#include <cstdint>

#include "common/bytes.h"

namespace ztshim {

// `packet` has a fresh header; nothing but it is changed.
void mark_trusted_path(MutableBytes packet, std::uint64_t id);
// The number in a packet of suite 2.
std::uint64_t trusted_path_of(ByteView packet);

}  // namespace ztshim
