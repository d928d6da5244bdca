// The certificate of membership: which network a member belongs to, since when, and with whose
// keys. Notes: vl2 5.2.
//
//   version (1) = 1   count (2)   count x { id (8) value (8) max delta (8) }, ids ascending
//   signer (5), 0 = unsigned   signature (96), only if signed
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/reader.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/identity.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

// A value without heap memory, because frames may carry one.
class Membership {
 public:
  struct Qualifier {
    std::uint64_t id = 0;
    std::uint64_t value = 0;
    std::uint64_t max_delta = 0;
    bool operator==(const Qualifier&) const = default;
  };
  static constexpr std::size_t kMaxQualifiers = 8;
  static constexpr std::uint64_t kTimestampId = 0;
  static constexpr std::uint64_t kNetworkId = 1;
  static constexpr std::uint64_t kMemberId = 2;
  static constexpr std::uint64_t kFirstFingerprintId = 3;  // to 6: 32 bytes of the fingerprint

  Membership() = default;
  // What a controller issues, still unsigned: seven qualifiers.
  static Membership make(std::uint64_t timestamp, std::uint64_t max_time_delta, NetworkId network,
                         const Identity& member);

  static Result<Membership, ParseError> read(Reader& in);
  void write(Writer& out) const;

  std::span<const Qualifier> qualifiers() const { return {qualifiers_.data(), count_}; }
  std::optional<std::uint64_t> value_of(std::uint64_t id) const;
  // False when the table is full. Keeps the order.
  bool set(const Qualifier& qualifier);

  // 0 and empty when the qualifier is missing.
  std::uint64_t timestamp() const { return value_of(kTimestampId).value_or(0); }
  NetworkId network() const { return NetworkId(value_of(kNetworkId).value_or(0)); }
  Address issued_to() const { return Address(value_of(kMemberId).value_or(0)); }
  explicit operator bool() const { return count_ != 0; }

  Address signed_by() const { return signed_by_; }
  bool is_signed() const { return static_cast<bool>(signed_by_); }
  const Signature& signature() const { return signature_; }  // zeroes unless signed
  Bytes signed_bytes() const;
  void sign(const Identity& signer);
  // Signed by this very identity, and the signature is right. Whether that is the network's
  // controller is the caller's question.
  bool verify(const Identity& signer) const;

  // Does the holder of this certificate accept the holder of `theirs`? Only our own deltas count
  // and no signature is looked at.
  bool agrees_with(const Membership& theirs, const Identity& their_identity) const;

  bool operator==(const Membership& other) const;

 private:
  std::array<Qualifier, kMaxQualifiers> qualifiers_{};
  std::size_t count_ = 0;
  Address signed_by_;
  Signature signature_{};
};

}  // namespace ztshim
