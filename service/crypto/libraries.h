// The two libraries below us, started once and without leaving traces in the process we live in.
// Says nothing about how their primitives are put together.
#pragma once

#include <openssl/evp.h>

namespace ztshim {

// libsodium chooses its implementations by CPU here; without this it stays with the slow ones.
void start_sodium();

// libcrypto's algorithms, fetched once: looking one up by name costs more than sealing a packet.
// They belong to a library context of our own, so neither the application's configuration file nor
// its providers reach us. Lives until the process ends: freeing it from an exit handler would race
// with a service thread still at work.
struct OpenSsl {
  EVP_CIPHER* aes256_ecb;
  EVP_CIPHER* aes256_ctr;
  EVP_CIPHER* aes256_gcm;
  EVP_MD* sha384;
  EVP_MAC* hmac;

  // Throws std::runtime_error when libcrypto was built without one of them, at the first call.
  static const OpenSsl& get();
};

}  // namespace ztshim
