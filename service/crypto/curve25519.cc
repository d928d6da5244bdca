#include "service/crypto/curve25519.h"

#include <sodium.h>

#include "service/crypto/libraries.h"

namespace ztshim {

std::array<std::uint8_t, 32> x25519_public(CurveKey scalar) {
  start_sodium();
  std::array<std::uint8_t, 32> key;
  crypto_scalarmult_base(key.data(), scalar.data());
  return key;
}

std::optional<Secret<32>> x25519(CurveKey scalar, CurveKey point) {
  start_sodium();
  Secret<32> common;
  if (crypto_scalarmult(common.writable().data(), scalar.data(), point.data()) != 0) {
    return std::nullopt;
  }
  return common;
}

std::array<std::uint8_t, 32> ed25519_public(CurveKey seed) {
  start_sodium();
  std::array<std::uint8_t, 32> key;
  Secret<64> pair;
  crypto_sign_seed_keypair(key.data(), pair.writable().data(), seed.data());
  return key;
}

std::array<std::uint8_t, 64> ed25519_sign(CurveKey seed, ByteView message) {
  start_sodium();
  // The public half is computed anew although callers could pass it: a signature made with a wrong
  // one gives the private key away, and signing is rare.
  std::array<std::uint8_t, 32> key;
  Secret<64> pair;
  crypto_sign_seed_keypair(key.data(), pair.writable().data(), seed.data());
  std::array<std::uint8_t, 64> signature;
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                       pair.bytes().data());
  return signature;
}

bool ed25519_verify(CurveKey public_key, ByteView message,
                    std::span<const std::uint8_t, 64> signature) {
  start_sodium();
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     public_key.data()) == 0;
}

}  // namespace ztshim
