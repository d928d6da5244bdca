// The Internet checksum's sums (RFC 1071), for what does not pass through lwIP.
#pragma once

#include <cstdint>

#include "common/bytes.h"

namespace ztshim::stack {

// The sum, not inverted: 0xffff over bytes that carry a right checksum. In the order of memory, so
// that the inverted value is stored as it is.
std::uint16_t internet_sum(ByteView bytes);
// With the pseudo header of either version of IP; `addresses` are source and destination as they
// stand in the header.
std::uint16_t internet_sum(ByteView addresses, std::uint8_t protocol, ByteView payload);

}  // namespace ztshim::stack
