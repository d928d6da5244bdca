// Which address families have an address here, the virtual interfaces included (AI_ADDRCONFIG).
#pragma once

#include <netdb.h>

namespace ztshim {

// The hints without AI_ADDRCONFIG where libc, which looks at the host's interfaces alone, would
// leave out a family that a virtual interface has; else as they are. 0, or EAI_NONAME when there
// can be no answer. Throws std::bad_alloc.
int resolve_families(addrinfo& hints);

}  // namespace ztshim
