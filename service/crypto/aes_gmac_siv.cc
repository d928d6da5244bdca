#include "service/crypto/aes_gmac_siv.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "service/crypto/libraries.h"
#include "service/crypto/packet_layout.h"

namespace ztshim {
namespace {

using namespace layout;

constexpr std::size_t kHeaderSize = kFlagsOffset + 1 - kDestinationOffset;
constexpr std::size_t kHalf = 8;  // of a block
// The last 32 bits of a counter block count blocks; starting below 2^31 they never wrap.
constexpr std::size_t kCounterTop = 12;

}  // namespace

AesGmacSiv::Context AesGmacSiv::make(const EVP_CIPHER* cipher, Key key, bool encrypting) {
  Context context(EVP_CIPHER_CTX_new());
  if (!context ||
      EVP_CipherInit_ex2(context.get(), cipher, key.data(), nullptr, encrypting ? 1 : 0, nullptr) !=
          1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1) {
    throw std::bad_alloc();
  }
  return context;
}

AesGmacSiv::AesGmacSiv(Key k0, Key k1)
    : gmac_(make(OpenSsl::get().aes256_gcm, k0, true)),
      ctr_(make(OpenSsl::get().aes256_ctr, k1, true)),
      block_encrypt_(make(OpenSsl::get().aes256_ecb, k1, true)),
      block_decrypt_(make(OpenSsl::get().aes256_ecb, k1, false)) {}

bool AesGmacSiv::seal(MutableBytes packet) {
  Block clear;
  Block tag;
  std::memcpy(clear.data(), packet.data(), kIdSize);
  if (!authenticator(packet, clear.data(), clear.data() + kHalf) || !encrypt_block(clear, tag) ||
      !crypt(packet, tag)) {
    return false;
  }
  std::memcpy(packet.data(), tag.data(), kIdSize);
  std::memcpy(packet.data() + kMacOffset, tag.data() + kHalf, kHalf);
  return true;
}

bool AesGmacSiv::open(MutableBytes packet) {
  Block tag;
  Block clear;
  std::uint8_t expected[kHalf];
  std::memcpy(tag.data(), packet.data(), kIdSize);
  std::memcpy(tag.data() + kHalf, packet.data() + kMacOffset, kHalf);
  // The authenticator covers the plaintext, so decryption comes first.
  if (!crypt(packet, tag) || !decrypt_block(tag, clear) ||
      !authenticator(packet, clear.data(), expected)) {
    return false;
  }
  return equal_constant_time(expected, ByteView(clear).last<kHalf>());
}

bool AesGmacSiv::authenticator(MutableBytes packet, const std::uint8_t* id, std::uint8_t* half) {
  std::uint8_t nonce[12] = {};
  std::memcpy(nonce, id, kIdSize);
  // Addresses and flags, padded to a block, stand right before the verb while the GMAC runs:
  // libcrypto then gets one run of whole blocks, which is a call and a partial block cheaper.
  Block header{};
  std::memcpy(header.data(), packet.data() + kDestinationOffset, kHeaderSize);
  header[kHeaderSize - 1] &= static_cast<std::uint8_t>(~kHopBits);
  const MutableBytes run = packet.subspan(kProtectedOffset - header.size());
  Block kept;
  std::memcpy(kept.data(), run.data(), kept.size());
  std::memcpy(run.data(), header.data(), header.size());
  Block tag;
  const bool done = gmac(nonce, run, tag);
  std::memcpy(run.data(), kept.data(), kept.size());
  if (!done) return false;
  for (std::size_t i = 0; i < kHalf; ++i) {
    half[i] = static_cast<std::uint8_t>(tag[i] ^ tag[kHalf + i]);
  }
  return true;
}

bool AesGmacSiv::crypt(MutableBytes packet, const Block& tag) {
  Block counter = tag;
  counter[kCounterTop] &= 0x7f;
  const MutableBytes content = packet.subspan(kProtectedOffset);
  int written = 0;
  return EVP_EncryptInit_ex2(ctr_.get(), nullptr, nullptr, counter.data(), nullptr) == 1 &&
         EVP_EncryptUpdate(ctr_.get(), content.data(), &written, content.data(),
                           static_cast<int>(content.size())) == 1;
}

bool AesGmacSiv::gmac(std::span<const std::uint8_t, 12> nonce, ByteView data, Block& tag) {
  // GMAC is GCM with everything as additional data and nothing to encrypt.
  int written = 0;
  OSSL_PARAM wanted[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tag.size()),
      OSSL_PARAM_construct_end()};
  return EVP_EncryptInit_ex2(gmac_.get(), nullptr, nullptr, nonce.data(), nullptr) == 1 &&
         EVP_EncryptUpdate(gmac_.get(), nullptr, &written, data.data(),
                           static_cast<int>(data.size())) == 1 &&
         EVP_EncryptFinal_ex(gmac_.get(), tag.data(), &written) == 1 &&
         EVP_CIPHER_CTX_get_params(gmac_.get(), wanted) == 1;
}

bool AesGmacSiv::encrypt_block(const Block& from, Block& to) {
  int written = 0;
  return EVP_EncryptUpdate(block_encrypt_.get(), to.data(), &written, from.data(),
                           static_cast<int>(from.size())) == 1;
}

bool AesGmacSiv::decrypt_block(const Block& from, Block& to) {
  int written = 0;
  return EVP_DecryptUpdate(block_decrypt_.get(), to.data(), &written, from.data(),
                           static_cast<int>(from.size())) == 1;
}

}  // namespace ztshim
