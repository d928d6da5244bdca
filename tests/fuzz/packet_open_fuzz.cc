// Packets of any content: opening one never crashes, what was sealed opens, what was damaged does
// not.
#include "service/crypto/suites.h"
#include "tests/fuzz/fuzz.h"

using namespace ztshim;

namespace {

constexpr std::size_t kFlagsOffset = 18;
constexpr std::size_t kVerbOffset = 27;
constexpr std::size_t kMinimumSize = 28;

const PacketKeys& keys() {
  static const PacketKeys keys = [] {
    AgreedKey key;
    std::uint8_t next = 1;
    for (std::uint8_t& byte : key.writable()) byte = next++;
    return PacketKeys(key);
  }();
  return keys;
}

void sealed_opens_and_damaged_does_not(ByteView clear, Suite suite) {
  Bytes packet = to_bytes(clear);
  keys().seal(packet, suite);
  // Where the damage is done depends on the input, so that every place has its turn.
  const std::size_t bit = (std::size_t{clear[0]} << 8 | clear[1]) % (clear.size() * 8);
  Bytes damaged = packet;
  damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ 1 << bit % 8);
  const bool is_hops = bit / 8 == kFlagsOffset && bit % 8 < 3;
  ZTSHIM_MUST_HOLD(keys().open(damaged) == is_hops);

  ZTSHIM_MUST_HOLD(keys().open(packet));
  ZTSHIM_MUST_HOLD(
      equal_constant_time(ByteView(packet).subspan(kVerbOffset), clear.subspan(kVerbOffset)));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  Bytes packet = to_bytes(input);
  // The seeds are authentic, hence no statement about the result.
  const bool opened = keys().open(packet);
  ZTSHIM_MUST_HOLD(!opened || size >= kMinimumSize);
  if (size < kMinimumSize) return 0;

  for (const Suite suite : {Suite::Poly1305None, Suite::Poly1305Salsa2012, Suite::AesGmacSiv}) {
    sealed_opens_and_damaged_does_not(input, suite);
  }
  packet = to_bytes(input);
  const std::size_t offset = kVerbOffset + data[0] % (size - kVerbOffset + 1);
  keys().crypt_hello_tail(packet, offset);
  keys().crypt_hello_tail(packet, offset);
  ZTSHIM_MUST_HOLD(equal_constant_time(packet, input));
  return 0;
}
