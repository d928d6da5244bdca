// The filler that keeps a connecting or listening fd from looking writable (docs/fd-contract.md).
#pragma once

#include <cstddef>

namespace ztshim {

// What a gate needs at the present SO_SNDBUF of `fd`.
std::size_t gate_size_of(int fd) noexcept;

// Writes `size` bytes; a service that has closed its end already is no mistake of ours.
void fill_gate(int fd, std::size_t size) noexcept;

}  // namespace ztshim
