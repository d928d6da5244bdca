#include "service/crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>

#include <algorithm>
#include <memory>
#include <new>

#include "service/crypto/libraries.h"

namespace ztshim {

Sha384 sha384(ByteView data) {
  Sha384 digest;
  // Can fail for want of memory only.
  if (EVP_Digest(data.data(), data.size(), digest.data(), nullptr, OpenSsl::get().sha384,
                 nullptr) != 1) {
    throw std::bad_alloc();
  }
  return digest;
}

Sha512 sha512(ByteView data) {
  Sha512 digest;
  crypto_hash_sha512(digest.data(), data.data(), data.size());
  return digest;
}

Secret<48> hmac_sha384(ByteView key, ByteView message) {
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(
      EVP_MAC_CTX_new(OpenSsl::get().hmac), &EVP_MAC_CTX_free);
  char digest[] = "SHA384";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  Secret<48> mac;
  std::size_t length = 0;
  if (!context || EVP_MAC_init(context.get(), key.data(), key.size(), parameters) != 1 ||
      EVP_MAC_update(context.get(), message.data(), message.size()) != 1 ||
      EVP_MAC_final(context.get(), mac.writable().data(), &length, mac.writable().size()) != 1) {
    throw std::bad_alloc();
  }
  return mac;
}

Secret<48> derive_key(const Secret<48>& key, std::uint8_t label, std::uint8_t context,
                      std::uint32_t counter) {
  // counter (4), "ZT", label (1), zero (1), context (1), bits of output (4)
  const std::uint8_t message[13] = {static_cast<std::uint8_t>(counter >> 24),
                                    static_cast<std::uint8_t>(counter >> 16),
                                    static_cast<std::uint8_t>(counter >> 8),
                                    static_cast<std::uint8_t>(counter),
                                    'Z',
                                    'T',
                                    label,
                                    0,
                                    context,
                                    0,
                                    0,
                                    0x01,
                                    0x80};
  return hmac_sha384(key.bytes(), message);
}

void stretch_agreement(std::span<const std::uint8_t, 32> raw, MutableBytes out) {
  Secret<64> digest;
  ByteView input = raw;
  while (!out.empty()) {
    Sha512 next = sha512(input);
    std::copy(next.begin(), next.end(), digest.writable().begin());
    wipe(next);
    input = digest.bytes();
    const std::size_t count = std::min(out.size(), digest.bytes().size());
    std::copy_n(input.begin(), count, out.begin());
    out = out.subspan(count);
  }
}

}  // namespace ztshim
