// Is this descriptor ours, and which socket is it? Asks the kernel object, keeps no table: numbers
// are closed, duplicated and reused on ways no hook sees (interposition 6, 9).
#pragma once

#include <optional>

#include "common/fd_contract.h"

namespace ztshim {

// The name of a repurposed fd; nothing for every other descriptor and for bad ones. errno is kept.
std::optional<SocketName> virtual_socket(int fd) noexcept;

}  // namespace ztshim
