// Addresses and values from and to the application's memory, with the kernel's rules for lengths.
// Pointers that cannot be right give EFAULT; a wild pointer within the address space is not caught.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/result.h"

namespace ztshim {

// The lowest page is never mapped, and user space ends before the sign bit.
inline bool is_bad_pointer(const void* pointer) noexcept {
  const auto value = reinterpret_cast<std::uintptr_t>(pointer);
  return value < 4096 || static_cast<std::intptr_t>(value) < 0;
}

// What the kernel checks before it looks at an address: its size, then its memory.
inline Result<void> check_address(const sockaddr* address, socklen_t length) noexcept {
  if (static_cast<int>(length) < 0 || length > sizeof(sockaddr_storage)) {
    return failure(std::errc::invalid_argument);
  }
  if (length > 0 && is_bad_pointer(address)) return failure(std::errc::bad_address);
  return {};
}

// The shortest AF_INET6 address (RFC 2133's, without scope id). The kernel checks the length before
// the family, so an AF_INET address on an AF_INET6 socket is EINVAL rather than EAFNOSUPPORT.
inline bool is_short_for_ipv6(socklen_t length) noexcept { return length < 24; }

// Where accept and the name calls put an address.
inline Result<void> check_address_out(const sockaddr* address, const socklen_t* length) noexcept {
  if (is_bad_pointer(length)) return failure(std::errc::bad_address);
  if (static_cast<int>(*length) < 0) return failure(std::errc::invalid_argument);
  if (*length > 0 && is_bad_pointer(address)) return failure(std::errc::bad_address);
  return {};
}

// Cut to the room there is; *length becomes the full size.
inline void put_address(const Endpoint& endpoint, int family, sockaddr* address,
                        socklen_t* length) noexcept {
  sockaddr_storage full{};
  const socklen_t size = endpoint.to_sockaddr(full, family);
  std::memcpy(address, &full, std::min(size, *length));
  *length = size;
}

}  // namespace ztshim
