// Suites 0 and 1: Poly1305 under a key made for each packet, with or without Salsa20/12 over the
// content. Notes: vl1-crypto 5.3, 5.4. Checks neither packet size nor cipher bits: that is
// PacketKeys' part.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes.h"
#include "service/crypto/secret.h"

namespace ztshim::salsa_poly {

using Key = std::span<const std::uint8_t, 32>;  // the first part of the agreed key

// The key for one packet: the agreed one with header (without hops) and size mixed in.
Secret<32> packet_key(Key agreed, ByteView packet);

// Flags must be final. With `encrypted`, the content is encrypted first and authenticated then.
void seal(Key agreed, MutableBytes packet, bool encrypted);
// Decrypts only what is authentic; otherwise false and the packet as it was.
bool open(Key agreed, MutableBytes packet, bool encrypted);

// XORs `data` with the Salsa20/12 stream from its block number `block` on.
void xor_stream(Key key, std::span<const std::uint8_t, 8> nonce, std::uint64_t block,
                MutableBytes data);

}  // namespace ztshim::salsa_poly
