#include "service/wire/trusted_path.h"

#include <cassert>

#include "common/reader.h"
#include "service/wire/packet.h"

namespace ztshim {
namespace {

constexpr std::size_t kFlagsOffset = 18;
constexpr std::size_t kAuthenticatorOffset = 19;
constexpr std::uint8_t kCipherMask = 0x38;
constexpr std::uint8_t kSuite2 = 2 << 3;

}  // namespace

void mark_trusted_path(MutableBytes packet, std::uint64_t id) {
  assert(packet.size() >= kPacketHeaderSize);
  packet[kFlagsOffset] = static_cast<std::uint8_t>((packet[kFlagsOffset] & ~kCipherMask) | kSuite2);
  for (std::size_t i = 8; i-- > 0; id >>= 8) {
    packet[kAuthenticatorOffset + i] = static_cast<std::uint8_t>(id);
  }
}

std::uint64_t trusted_path_of(ByteView packet) {
  assert(packet.size() >= kPacketHeaderSize);
  return Reader(packet.subspan(kAuthenticatorOffset)).be<std::uint64_t>();
}

}  // namespace ztshim
