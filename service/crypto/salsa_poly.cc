#include "service/crypto/salsa_poly.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "service/crypto/packet_layout.h"

namespace ztshim::salsa_poly {
namespace {

using namespace layout;

constexpr std::size_t kBlock = 64;

std::span<const std::uint8_t, 8> nonce_of(ByteView packet) { return packet.first<kIdSize>(); }

// Poly1305 over verb to end, cut to the eight bytes that a packet has room for.
void authenticator(const Secret<32>& key, ByteView packet, std::uint8_t* mac) {
  // The one-time key is the first half of block 0; its second half is not used, content starts at
  // block 1.
  Secret<32> once;
  xor_stream(key.bytes(), nonce_of(packet), 0, once.writable());
  std::uint8_t whole[crypto_onetimeauth_poly1305_BYTES];
  const ByteView content = packet.subspan(kProtectedOffset);
  crypto_onetimeauth_poly1305(whole, content.data(), content.size(), once.bytes().data());
  std::memcpy(mac, whole, kMacSize);
}

void crypt(const Secret<32>& key, MutableBytes packet) {
  xor_stream(key.bytes(), nonce_of(packet), 1, packet.subspan(kProtectedOffset));
}

}  // namespace

Secret<32> packet_key(Key agreed, ByteView packet) {
  Secret<32> mixed(agreed);
  const auto key = mixed.writable();
  const auto mix = [&key](std::size_t i, std::size_t value) {
    key[i] = static_cast<std::uint8_t>(key[i] ^ (value & 0xff));
  };
  for (std::size_t i = 0; i < kFlagsOffset; ++i) mix(i, packet[i]);
  mix(kFlagsOffset, packet[kFlagsOffset] & ~std::size_t{kHopBits});
  mix(kFlagsOffset + 1, packet.size());  // low byte first, unlike all else
  mix(kFlagsOffset + 2, packet.size() >> 8);
  return mixed;
}

void seal(Key agreed, MutableBytes packet, bool encrypted) {
  const Secret<32> key = packet_key(agreed, packet);
  if (encrypted) crypt(key, packet);
  authenticator(key, packet, packet.data() + kMacOffset);
}

bool open(Key agreed, MutableBytes packet, bool encrypted) {
  const Secret<32> key = packet_key(agreed, packet);
  std::uint8_t mac[kMacSize];
  authenticator(key, packet, mac);
  if (!equal_constant_time(mac, packet.subspan(kMacOffset, kMacSize))) return false;
  if (encrypted) crypt(key, packet);
  return true;
}

void xor_stream(Key key, std::span<const std::uint8_t, 8> nonce, std::uint64_t block,
                MutableBytes data) {
  // libsodium's stream functions for 12 rounds begin at block 0 only; they call this same core.
  std::uint8_t input[crypto_core_salsa2012_INPUTBYTES];
  std::memcpy(input, nonce.data(), nonce.size());
  std::uint8_t stream[kBlock];
  while (!data.empty()) {
    for (std::size_t i = 0; i < 8; ++i) {
      input[nonce.size() + i] = static_cast<std::uint8_t>(block >> (8 * i));
    }
    crypto_core_salsa2012(stream, input, key.data(), nullptr);
    const std::size_t count = std::min(kBlock, data.size());
    for (std::size_t i = 0; i < count; ++i) data[i] ^= stream[i];
    data = data.subspan(count);
    ++block;
  }
  wipe(stream);  // of block 0 it is the key of the authenticator
}

}  // namespace ztshim::salsa_poly
