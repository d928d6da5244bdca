// A node's keys and the address that follows from them. Notes: vl1-crypto 2, 3, 4.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/reader.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/address.h"
#include "service/crypto/random.h"
#include "service/crypto/secret.h"

namespace ztshim {

using AgreedKey = Secret<48>;  // what two identities have in common (vl1-crypto 4)
using Signature = std::array<std::uint8_t, 96>;  // Ed25519 and digest (vl1-crypto 3)

enum class IdentityError { Malformed, UnknownType, ReservedAddress };

// Public keys always, private keys for our own. A value; copying it copies the private keys too.
// Equality compares address and public keys only.
class Identity {
 public:
  static constexpr std::size_t kPublicKeySize = 64;  // X25519, then Ed25519
  static constexpr std::size_t kWireSize = 71;       // binary form without private part

  Identity() = default;
  // Text form "address:0:public[:private]"; surrounding white space is ignored (2.6).
  static Result<Identity, IdentityError> parse(std::string_view text);
  // Binary form (2.7). Steps over a private part, and keeps it. Nothing when malformed (in fails
  // too).
  static std::optional<Identity> read(Reader& in);
  // Searches until the memory-hard digest allows an address: about a second of work.
  static Identity generate(RandomSource& random);

  void write(Writer& out) const;    // binary, never the private part
  std::string text() const;         // public part
  std::string secret_text() const;  // with the private part; only for identity.secret

  Address address() const { return address_; }
  std::span<const std::uint8_t, kPublicKeySize> public_key() const { return public_; }
  bool has_secret() const { return secret_.has_value(); }
  explicit operator bool() const { return static_cast<bool>(address_); }
  // Does the address follow from the key (2.4)? 10 to 50 ms of work, 2 MiB of memory.
  bool is_valid() const;
  // SHA-384 over address and public key: what membership certificates carry (2.10).
  std::array<std::uint8_t, 48> fingerprint() const;

  // The key shared with `peer`; nothing without our private part or for a degenerate key.
  std::optional<AgreedKey> agree(const Identity& peer) const;
  Signature sign(ByteView message) const;  // needs the private part
  bool verify(ByteView message, ByteView signature) const;

  bool operator==(const Identity& other) const {
    return address_ == other.address_ && public_ == other.public_;
  }

 private:
  Address address_;
  std::array<std::uint8_t, kPublicKeySize> public_{};
  std::optional<Secret<64>> secret_;  // X25519 scalar, then Ed25519 seed
};

}  // namespace ztshim
