#include "service/stack/internet_checksum.h"

#include <arpa/inet.h>

#include "lwip/arch.h"

namespace ztshim::stack {
namespace {

std::uint32_t fold(std::uint32_t sum) { return (sum >> 16) + (sum & 0xffff); }

}  // namespace

std::uint16_t internet_sum(ByteView bytes) {
  return ztshim_lwip_checksum(bytes.data(), static_cast<int>(bytes.size()));
}

std::uint16_t internet_sum(ByteView addresses, std::uint8_t protocol, ByteView payload) {
  // IPv6 has the length in 32 bits, which adds up to the same as IPv4's 16.
  const std::uint32_t sum = std::uint32_t{internet_sum(addresses)} + internet_sum(payload) +
                            htons(static_cast<std::uint16_t>(payload.size())) + htons(protocol);
  return static_cast<std::uint16_t>(fold(fold(sum)));
}

}  // namespace ztshim::stack
