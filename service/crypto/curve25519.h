// Agreement and signatures on Curve25519, by raw keys. Which key belongs to whom is Identity's
// part. Notes: vl1-crypto 2.2, 3, 4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/bytes.h"
#include "service/crypto/secret.h"

namespace ztshim {

using CurveKey = std::span<const std::uint8_t, 32>;

// The public X25519 key of a scalar; clamping is done here.
std::array<std::uint8_t, 32> x25519_public(CurveKey scalar);
// What both sides have in common. Nothing when the point has small order and the result is all
// zero, which anybody could have computed.
std::optional<Secret<32>> x25519(CurveKey scalar, CurveKey point);

// The public Ed25519 key of a seed.
std::array<std::uint8_t, 32> ed25519_public(CurveKey seed);
std::array<std::uint8_t, 64> ed25519_sign(CurveKey seed, ByteView message);
bool ed25519_verify(CurveKey public_key, ByteView message,
                    std::span<const std::uint8_t, 64> signature);

}  // namespace ztshim
