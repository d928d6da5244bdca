// How much memory this program holds: for scenarios that flood a node.
#pragma once

#include <cstddef>

namespace ztshim::sim {

std::size_t memory_in_use();

}  // namespace ztshim::sim
