// How often this program has asked for memory: for tests of what promises not to.
#pragma once

#include <cstddef>

namespace ztshim {

std::size_t allocation_count();

}  // namespace ztshim
