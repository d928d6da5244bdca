// Suite 3: AES-256 in CTR mode, its counter made from a GMAC over header and plaintext.
// Notes: vl1-crypto 5.7. Checks neither packet size nor cipher bits: that is PacketKeys' part.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "common/bytes.h"
#include "service/crypto/secret.h"

namespace ztshim {

// Holds one libcrypto context per use of a key, made once: making them costs four times as much as
// sealing a small packet (performance.md 2). Per packet only the IV is set. Not for two threads.
class AesGmacSiv {
 public:
  using Block = std::array<std::uint8_t, 16>;
  using Key = std::span<const std::uint8_t, 32>;

  // K0 keys the GMAC, K1 the block and the counter mode.
  AesGmacSiv(Key k0, Key k1);

  // Encrypts in place, replaces the packet ID and fills the authenticator. The cipher bits must be
  // set. False, and the packet half done, only when libcrypto itself fails.
  bool seal(MutableBytes packet);
  // Decrypts in place; false, and the content undefined, when the packet is not authentic.
  bool open(MutableBytes packet);

  // The parts; false as above.
  bool gmac(std::span<const std::uint8_t, 12> nonce, ByteView data, Block& tag);
  bool encrypt_block(const Block& from, Block& to);
  bool decrypt_block(const Block& from, Block& to);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

  static Context make(const EVP_CIPHER* cipher, Key key, bool encrypting);
  // GMAC over header and verb to end, halves folded together: what the tag block carries.
  bool authenticator(MutableBytes packet, const std::uint8_t* id, std::uint8_t* half);
  bool crypt(MutableBytes packet, const Block& tag);

  Context gmac_;
  Context ctr_;
  Context block_encrypt_;
  Context block_decrypt_;
};

}  // namespace ztshim
