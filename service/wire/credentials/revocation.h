// A revocation: credentials of one member issued up to a time count no more. Notes: vl2 5.6.
//
//   0 (4)  id (4)  network (8)  0 (4)  credential id (4)  threshold (8)  flags (8)  target (5)
//   signed by (5)  credential type (1)  signature field (99; not in the signed form)
//   additional fields (2)
#pragma once

#include <cstdint>

#include "common/reader.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/identity.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

enum class CredentialType : std::uint8_t {
  None = 0,
  Membership = 1,
  Capability = 2,
  Tag = 3,
  Ownership = 4,
  Revocation = 6,
};

struct Revocation {
  static constexpr std::uint64_t kFastPropagate = 0x1;

  std::uint32_t id = 0;  // random, no meaning
  NetworkId network;
  std::uint32_t credential_id = 0;  // 0 for memberships
  std::uint64_t threshold = 0;      // timestamps up to here are revoked
  std::uint64_t flags = 0;
  Address target;  // whose credential
  Address signed_by;
  CredentialType type = CredentialType::None;
  Signature signature{};

  bool is_fast() const { return (flags & kFastPropagate) != 0; }

  static Result<Revocation, ParseError> read(Reader& in);
  void write(Writer& out) const;
  Bytes signed_bytes() const;
  void sign(const Identity& signer);
  bool verify(const Identity& signer) const;
  bool operator==(const Revocation&) const = default;
};

}  // namespace ztshim
