#include "service/wire/credentials/membership.h"

#include <algorithm>

namespace ztshim {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kAnyDelta = ~std::uint64_t{0};
constexpr std::size_t kFingerprintQualifiers = 4;

// The part of the fingerprint that qualifier 3 + index holds.
std::uint64_t fingerprint_part(const std::array<std::uint8_t, 48>& fingerprint, std::size_t index) {
  return Reader(ByteView(fingerprint).subspan(8 * index, 8)).be<std::uint64_t>();
}

bool is_fingerprint_id(std::uint64_t id) {
  return id >= Membership::kFirstFingerprintId &&
         id < Membership::kFirstFingerprintId + kFingerprintQualifiers;
}

}  // namespace

Membership Membership::make(std::uint64_t timestamp, std::uint64_t max_time_delta,
                            NetworkId network, const Identity& member) {
  Membership made;
  made.set({kTimestampId, timestamp, max_time_delta});
  made.set({kNetworkId, network.number(), 0});
  made.set({kMemberId, member.address().number(), kAnyDelta});
  const auto fingerprint = member.fingerprint();
  for (std::size_t i = 0; i < kFingerprintQualifiers; ++i) {
    made.set({kFirstFingerprintId + i, fingerprint_part(fingerprint, i), kAnyDelta});
  }
  return made;
}

Result<Membership, ParseError> Membership::read(Reader& in) {
  const auto version = in.be<std::uint8_t>();
  const auto count = in.be<std::uint16_t>();
  if (in.failed()) return failure(ParseError::Truncated);
  if (version != kVersion) return failure(ParseError::BadValue);
  if (count > kMaxQualifiers) return failure(ParseError::TooMany);
  Membership read;
  for (std::size_t i = 0; i < count; ++i) {
    Qualifier& qualifier = read.qualifiers_[i];
    qualifier.id = in.be<std::uint64_t>();
    qualifier.value = in.be<std::uint64_t>();
    qualifier.max_delta = in.be<std::uint64_t>();
    if (in.failed()) return failure(ParseError::Truncated);
    if (i > 0 && qualifier.id < read.qualifiers_[i - 1].id) return failure(ParseError::BadValue);
  }
  read.count_ = count;
  read.signed_by_ = Address::read(in);
  if (read.signed_by_) in.fill(read.signature_);
  if (in.failed()) return failure(ParseError::Truncated);
  return read;
}

void Membership::write(Writer& out) const {
  out.be(kVersion).be(static_cast<std::uint16_t>(count_));
  out.bytes(signed_bytes());
  signed_by_.write(out);
  if (signed_by_) out.bytes(signature_);
}

std::optional<std::uint64_t> Membership::value_of(std::uint64_t id) const {
  for (const Qualifier& qualifier : qualifiers()) {
    if (qualifier.id == id) return qualifier.value;
  }
  return std::nullopt;
}

bool Membership::set(const Qualifier& qualifier) {
  const auto end = qualifiers_.begin() + static_cast<std::ptrdiff_t>(count_);
  const auto at = std::find_if(qualifiers_.begin(), end,
                               [&](const Qualifier& q) { return q.id >= qualifier.id; });
  if (at != end && at->id == qualifier.id) {
    *at = qualifier;
    return true;
  }
  if (count_ == kMaxQualifiers) return false;
  std::move_backward(at, end, end + 1);
  *at = qualifier;
  ++count_;
  return true;
}

// No padding and no header, unlike all other credentials.
Bytes Membership::signed_bytes() const {
  Bytes bytes;
  Writer out(bytes);
  for (const Qualifier& qualifier : qualifiers()) {
    out.be(qualifier.id).be(qualifier.value).be(qualifier.max_delta);
  }
  return bytes;
}

void Membership::sign(const Identity& signer) {
  signed_by_ = signer.address();
  signature_ = signer.sign(signed_bytes());
}

bool Membership::verify(const Identity& signer) const {
  return is_signed() && signed_by_ == signer.address() && signer.verify(signed_bytes(), signature_);
}

bool Membership::agrees_with(const Membership& theirs, const Identity& their_identity) const {
  if (count_ == 0 || theirs.count_ == 0) return false;
  bool binds_keys = false;
  for (const Qualifier& mine : qualifiers()) {
    const auto value = theirs.value_of(mine.id);
    if (!value) return false;
    const std::uint64_t difference =
        mine.value > *value ? mine.value - *value : *value - mine.value;
    if (difference > mine.max_delta) return false;
    if (is_fingerprint_id(mine.id)) binds_keys = true;
  }
  if (!binds_keys) return true;  // a certificate from before 1.6.6
  const auto fingerprint = their_identity.fingerprint();
  for (std::size_t i = 0; i < kFingerprintQualifiers; ++i) {
    if (theirs.value_of(kFirstFingerprintId + i) != fingerprint_part(fingerprint, i)) return false;
  }
  return true;
}

bool Membership::operator==(const Membership& other) const {
  return std::equal(qualifiers().begin(), qualifiers().end(), other.qualifiers().begin(),
                    other.qualifiers().end()) &&
         signed_by_ == other.signed_by_ && signature_ == other.signature_;
}

}  // namespace ztshim
