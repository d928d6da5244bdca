#include "service/wire/compression.h"

#include <lz4.h>

#include <algorithm>
#include <array>

#include "service/wire/packet.h"

namespace ztshim {
namespace {

constexpr std::size_t kMaxPayload = kMaxPacketSize - kPacketHeaderSize;
// Shorter payloads do not become shorter by enough to be worth the work.
constexpr std::size_t kSmallestWorthwhile = 65;

char* chars(std::uint8_t* bytes) { return reinterpret_cast<char*>(bytes); }

}  // namespace

bool compress_packet(Bytes& packet) {
  if (packet.size() < kPacketHeaderSize + kSmallestWorthwhile || packet.size() > kMaxPacketSize ||
      (packet[kVerbOffset] & kFlagCompressed) != 0) {
    return false;
  }
  const std::size_t before = packet.size() - kPacketHeaderSize;
  std::array<std::uint8_t, kMaxPayload> packed;
  // A buffer one byte too small for "no gain" makes the encoder give up by itself.
  const int size =
      LZ4_compress_default(chars(packet.data() + kPacketHeaderSize), chars(packed.data()),
                           static_cast<int>(before), static_cast<int>(before - 1));
  if (size <= 0) return false;
  std::copy_n(packed.begin(), size, packet.begin() + kPacketHeaderSize);
  packet.resize(kPacketHeaderSize + static_cast<std::size_t>(size));
  packet[kVerbOffset] = static_cast<std::uint8_t>(packet[kVerbOffset] | kFlagCompressed);
  return true;
}

bool decompress_packet(Bytes& packet) {
  if (packet.size() < kPacketHeaderSize) return false;
  if ((packet[kVerbOffset] & kFlagCompressed) == 0) return true;
  std::size_t size = 0;
  std::array<std::uint8_t, kMaxPayload> plain;
  if (packet.size() > kPacketHeaderSize) {
    if (packet.size() > kMaxPacketSize) return false;
    const int result = LZ4_decompress_safe(
        chars(packet.data() + kPacketHeaderSize), chars(plain.data()),
        static_cast<int>(packet.size() - kPacketHeaderSize), static_cast<int>(plain.size()));
    if (result <= 0) return false;
    size = static_cast<std::size_t>(result);
  }
  packet.resize(kPacketHeaderSize + size);
  std::copy_n(plain.begin(), size, packet.begin() + kPacketHeaderSize);
  packet[kVerbOffset] = static_cast<std::uint8_t>(packet[kVerbOffset] & ~kFlagCompressed);
  return true;
}

}  // namespace ztshim
