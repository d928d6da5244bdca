#include "service/crypto/libraries.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <sodium.h>

#include <stdexcept>

namespace ztshim {
namespace {

OpenSsl load() {
  // No exit handler and no openssl.cnf: both belong to the application.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
  if (context == nullptr || OSSL_PROVIDER_load(context, "default") == nullptr) {
    throw std::runtime_error("libcrypto: the default provider cannot be loaded");
  }
  const OpenSsl all{
      .aes256_ecb = EVP_CIPHER_fetch(context, "AES-256-ECB", nullptr),
      .aes256_ctr = EVP_CIPHER_fetch(context, "AES-256-CTR", nullptr),
      .aes256_gcm = EVP_CIPHER_fetch(context, "AES-256-GCM", nullptr),
      .sha384 = EVP_MD_fetch(context, "SHA384", nullptr),
      .hmac = EVP_MAC_fetch(context, "HMAC", nullptr),
  };
  if (all.aes256_ecb == nullptr || all.aes256_ctr == nullptr || all.aes256_gcm == nullptr ||
      all.sha384 == nullptr || all.hmac == nullptr) {
    throw std::runtime_error("libcrypto lacks AES-256, SHA-384 or HMAC");
  }
  return all;
}

}  // namespace

void start_sodium() {
  // sodium_init may be called again and from several threads, but takes a lock each time.
  static const bool started = sodium_init() >= 0;
  if (!started) throw std::runtime_error("libsodium cannot be initialised");
}

const OpenSsl& OpenSsl::get() {
  static const OpenSsl all = load();
  return all;
}

}  // namespace ztshim
