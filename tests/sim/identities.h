// Ready-made identities from identities.txt.
#pragma once

#include "service/crypto/identity.h"

namespace ztshim::sim {

// The n-th identity of the file, with its private part. Beyond the file's end: the keys of one of
// them under another address. Such a node does not validate, but whoever has it in the cache talks
// to it all the same, which is enough to have thousands.
Identity identity(std::size_t n);
std::size_t valid_identities();

}  // namespace ztshim::sim
