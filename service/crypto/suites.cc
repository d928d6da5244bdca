#include "service/crypto/suites.h"

#include <algorithm>
#include <cassert>

#include "service/crypto/aes_gmac_siv.h"
#include "service/crypto/hash.h"
#include "service/crypto/libraries.h"
#include "service/crypto/packet_layout.h"
#include "service/crypto/salsa_poly.h"

namespace ztshim {

using namespace layout;

struct PacketKeys::Aes : AesGmacSiv {
  explicit Aes(const AgreedKey& key)
      : AesGmacSiv(derive_key(key, '0').part<0, 32>(), derive_key(key, '1').part<0, 32>()) {}
};

PacketKeys::PacketKeys(const AgreedKey& key) : key_(key) { start_sodium(); }
PacketKeys::PacketKeys(PacketKeys&&) noexcept = default;
PacketKeys& PacketKeys::operator=(PacketKeys&&) noexcept = default;
PacketKeys::~PacketKeys() = default;

PacketKeys::Aes& PacketKeys::aes() const {
  if (!aes_) aes_ = std::make_unique<Aes>(key_);
  return *aes_;
}

void PacketKeys::seal(MutableBytes packet, Suite suite) const {
  assert(packet.size() >= kMinimumSize);
  assert(suite != Suite::None);
  std::uint8_t& flags = packet[kFlagsOffset];
  flags &= static_cast<std::uint8_t>(~(kCipherBits | kLegacyBit));
  flags |= static_cast<std::uint8_t>(static_cast<unsigned>(suite) << kCipherShift);
  switch (suite) {
    case Suite::Poly1305None:
      salsa_poly::seal(key_.part<0, 32>(), packet, false);
      return;
    case Suite::Poly1305Salsa2012:
      flags |= kLegacyBit;
      salsa_poly::seal(key_.part<0, 32>(), packet, true);
      return;
    case Suite::AesGmacSiv:
      if (aes().seal(packet)) return;
      break;
    case Suite::None:
      break;
  }
  // Nothing leaves in clear that should have been protected.
  std::fill(packet.begin() + kMacOffset, packet.end(), std::uint8_t{0});
}

bool PacketKeys::open(MutableBytes packet) const {
  if (packet.size() < kMinimumSize) return false;
  switch (static_cast<Suite>((packet[kFlagsOffset] & kCipherBits) >> kCipherShift)) {
    case Suite::Poly1305None:
      return salsa_poly::open(key_.part<0, 32>(), packet, false);
    case Suite::Poly1305Salsa2012:
      return salsa_poly::open(key_.part<0, 32>(), packet, true);
    case Suite::AesGmacSiv:
      return aes().open(packet);
    case Suite::None:
      break;
  }
  return false;
}

void PacketKeys::crypt_hello_tail(MutableBytes packet, std::size_t offset) const {
  assert(packet.size() >= kMinimumSize && offset <= packet.size());
  std::array<std::uint8_t, kIdSize> nonce;
  std::copy_n(packet.begin(), nonce.size(), nonce.begin());
  nonce.back() &= 0xf8;  // a counter lived in the low bits once (vl1-crypto 6)
  // The agreed key as it is, and the stream from its beginning: not as in the suites (5.5).
  salsa_poly::xor_stream(key_.part<0, 32>(), nonce, 0, packet.subspan(offset));
}

}  // namespace ztshim
