// The places in a packet that protection works on. What the fields mean is wire's part.
// Notes: vl1-crypto 5, vl1-packets 2.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ztshim::layout {

inline constexpr std::size_t kIdSize = 8;             // at 0
inline constexpr std::size_t kDestinationOffset = 8;  // both addresses and the flags: 11 bytes
inline constexpr std::size_t kFlagsOffset = 18;
inline constexpr std::size_t kMacOffset = 19;
inline constexpr std::size_t kMacSize = 8;
inline constexpr std::size_t kProtectedOffset = 27;  // the verb
inline constexpr std::size_t kMinimumSize = 28;

inline constexpr std::uint8_t kHopBits = 0x07;  // relays count here, so nothing covers them
inline constexpr std::uint8_t kCipherBits = 0x38;
inline constexpr unsigned kCipherShift = 3;
inline constexpr std::uint8_t kLegacyBit = 0x80;  // set exactly with suite 1

}  // namespace ztshim::layout
