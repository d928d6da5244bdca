// lwIP's error codes as errno values (interposition.md 3.2). What a code means depends on whether
// the connection was being made or established already.
#pragma once

#include <system_error>

namespace ztshim::stack {

enum class Phase { Connecting, Established };

// `error` is an err_t; ERR_OK gives the empty value.
std::errc errno_of(int error, Phase phase);

}  // namespace ztshim::stack
