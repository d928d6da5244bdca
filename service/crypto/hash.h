// SHA-2, HMAC and the derivation of keys from the agreed key. Notes: vl1-crypto 1, 4.1.
#pragma once

#include <array>
#include <cstdint>

#include "common/bytes.h"
#include "service/crypto/secret.h"

namespace ztshim {

using Sha384 = std::array<std::uint8_t, 48>;
using Sha512 = std::array<std::uint8_t, 64>;

Sha384 sha384(ByteView data);
Sha512 sha512(ByteView data);
Secret<48> hmac_sha384(ByteView key, ByteView message);

// One step of the counter-mode key derivation; VL1 uses context and counter zero only. The length
// field always says 384 bits.
Secret<48> derive_key(const Secret<48>& key, std::uint8_t label, std::uint8_t context = 0,
                      std::uint32_t counter = 0);

// Stretches an X25519 result over `out`: SHA-512 of it, then SHA-512 of the digest before, and so
// on. Agreed keys are 48 bytes, so the first digest is all that VL1 needs.
void stretch_agreement(std::span<const std::uint8_t, 32> raw, MutableBytes out);

}  // namespace ztshim
