// The packet protection suites: seal and open a whole packet in place. Notes: vl1-crypto 5.
#pragma once

#include <cstdint>
#include <memory>

#include "common/bytes.h"
#include "service/crypto/identity.h"

namespace ztshim {

// The value of the cipher field. 2 (trusted path) is never sealed or opened here.
enum class Suite : std::uint8_t {
  Poly1305None = 0,
  Poly1305Salsa2012 = 1,
  None = 2,
  AesGmacSiv = 3
};

// What a packet is sealed with, trusted paths aside (5.1). A peer knows AES once it has announced
// protocol version 12 in a message we could authenticate.
constexpr Suite choose_suite(bool encrypted, bool peer_knows_aes) {
  if (!encrypted) return Suite::Poly1305None;
  return peer_knows_aes ? Suite::AesGmacSiv : Suite::Poly1305Salsa2012;
}

// All a pair of nodes needs to protect packets. The AES contexts (several hundred bytes each) are
// made at the first packet that needs them and live as long as this object. Movable, not copyable.
class PacketKeys {
 public:
  explicit PacketKeys(const AgreedKey& key);
  PacketKeys(PacketKeys&&) noexcept;
  PacketKeys& operator=(PacketKeys&&) noexcept;
  ~PacketKeys();

  // Protects `packet` (at least 28 bytes: header and verb in clear, ID random, flags byte final but
  // for cipher bits and 0x80, which are set here). Suites 0, 1, 3; with suite 3 the packet ID
  // changes (5.7).
  void seal(MutableBytes packet, Suite suite) const;
  // Checks and decrypts in place; false (content then undefined) when it is not authentic, is
  // shorter than 28 bytes, or has a suite other than 0, 1, 3. The header stays as it came, ID
  // included.
  bool open(MutableBytes packet) const;
  // Masks or unmasks the tail of HELLO that begins at `offset` (5.5); its own inverse.
  void crypt_hello_tail(MutableBytes packet, std::size_t offset) const;

 private:
  struct Aes;
  AgreedKey key_;
  mutable std::unique_ptr<Aes> aes_;
  Aes& aes() const;
};

}  // namespace ztshim
