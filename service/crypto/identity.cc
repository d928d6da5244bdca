#include "service/crypto/identity.h"

#include <algorithm>
#include <cassert>

#include "service/crypto/curve25519.h"
#include "service/crypto/hash.h"
#include "service/crypto/memory_hard_digest.h"

namespace ztshim {
namespace {

constexpr std::size_t kPrivateKeySize = 64;
constexpr std::size_t kAddressDigits = 2 * Address::kSize;
constexpr std::uint8_t kOnlyType = 0;
// The proof of work: about one key pair in fifteen has such a first byte (2.4).
constexpr std::uint8_t kFirstByteBound = 17;

// The address a digest stands for, if it may be used at all.
std::optional<Address> address_from(const MemoryHardDigest::Digest& digest) {
  if (digest[0] >= kFirstByteBound) return std::nullopt;
  Reader tail(ByteView(digest).last(Address::kSize));
  const Address address = Address::read(tail);
  if (address.is_reserved()) return std::nullopt;
  return address;
}

std::string_view strip(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) - begin + 1);
}

// The text up to the next colon, and steps over that; nothing when the text ended before.
std::optional<std::string_view> next_field(std::optional<std::string_view>& rest) {
  if (!rest) return std::nullopt;
  const std::size_t colon = rest->find(':');
  const std::string_view field = rest->substr(0, colon);
  if (colon == rest->npos) {
    rest.reset();
  } else {
    rest = rest->substr(colon + 1);
  }
  return field;
}

// Copies what a key field says; false unless it is exactly as many hexadecimal digits as `key`
// needs.
bool read_key(std::string_view field, MutableBytes key) {
  auto bytes = from_hex(field);
  if (!bytes) return false;
  const bool fits = bytes->size() == key.size();
  if (fits) std::copy(bytes->begin(), bytes->end(), key.begin());
  wipe(*bytes);
  return fits;
}

}  // namespace

Result<Identity, IdentityError> Identity::parse(std::string_view text) {
  std::optional<std::string_view> rest = strip(text);
  const auto address = next_field(rest);
  const auto type = next_field(rest);
  const auto public_key = next_field(rest);
  const auto private_key = next_field(rest);
  if (!public_key || rest) return failure(IdentityError::Malformed);
  if (address->size() != kAddressDigits) return failure(IdentityError::Malformed);
  const auto parsed_address = Address::parse(*address);
  if (!parsed_address) return failure(IdentityError::Malformed);
  if (*type != "0") return failure(IdentityError::UnknownType);
  if (parsed_address->is_reserved()) return failure(IdentityError::ReservedAddress);

  Identity identity;
  identity.address_ = *parsed_address;
  if (!read_key(*public_key, identity.public_)) return failure(IdentityError::Malformed);
  if (private_key) {
    if (!read_key(*private_key, identity.secret_.emplace().writable())) {
      return failure(IdentityError::Malformed);
    }
  }
  return identity;
}

std::optional<Identity> Identity::read(Reader& in) {
  Identity identity;
  identity.address_ = Address::read(in);
  const auto type = in.be<std::uint8_t>();
  in.fill(identity.public_);
  const auto private_size = in.be<std::uint8_t>();
  if (private_size == kPrivateKeySize) {
    in.fill(identity.secret_.emplace().writable());
  } else if (private_size != 0) {
    in.fail();
  }
  if (type != kOnlyType) in.fail();
  if (in.failed()) return std::nullopt;
  return identity;
}

Identity Identity::generate(RandomSource& random) {
  Identity identity;
  const auto secret = identity.secret_.emplace().writable();
  random.fill(secret.last<32>());
  const auto signing_key = ed25519_public(secret.last<32>());
  std::copy(signing_key.begin(), signing_key.end(), identity.public_.begin() + 32);
  MemoryHardDigest digest;
  while (true) {  // only the agreement key changes from trial to trial
    random.fill(secret.first<32>());
    const auto agreement_key = x25519_public(secret.first<32>());
    std::copy(agreement_key.begin(), agreement_key.end(), identity.public_.begin());
    if (const auto address = address_from(digest.compute(identity.public_))) {
      identity.address_ = *address;
      return identity;
    }
  }
}

void Identity::write(Writer& out) const {
  address_.write(out);
  out.be(kOnlyType).bytes(public_).be(std::uint8_t{0});
}

std::string Identity::text() const { return address_.text() + ":0:" + to_hex(public_); }

std::string Identity::secret_text() const {
  assert(secret_);
  return text() + ":" + to_hex(secret_->bytes());
}

bool Identity::is_valid() const {
  MemoryHardDigest digest;
  return address_from(digest.compute(public_)) == address_;
}

std::array<std::uint8_t, 48> Identity::fingerprint() const {
  Bytes all;
  Writer out(all);
  address_.write(out);
  out.bytes(public_);
  return sha384(all);
}

std::optional<AgreedKey> Identity::agree(const Identity& peer) const {
  if (!secret_) return std::nullopt;
  const auto raw = x25519(secret_->part<0, 32>(), peer.public_key().first<32>());
  if (!raw) return std::nullopt;
  AgreedKey key;
  stretch_agreement(raw->bytes(), key.writable());
  return key;
}

Signature Identity::sign(ByteView message) const {
  assert(secret_);
  const Sha512 digest = sha512(message);
  const auto signed_part = ByteView(digest).first<32>();
  const auto proof = ed25519_sign(secret_->part<32, 32>(), signed_part);
  Signature signature;
  const auto after = std::copy(proof.begin(), proof.end(), signature.begin());
  std::copy(signed_part.begin(), signed_part.end(), after);
  return signature;
}

bool Identity::verify(ByteView message, ByteView signature) const {
  if (signature.size() != std::tuple_size_v<Signature>) return false;
  const Sha512 digest = sha512(message);
  const auto signed_part = ByteView(digest).first<32>();
  if (!equal_constant_time(signature.last<32>(), signed_part)) return false;
  return ed25519_verify(public_key().last<32>(), signed_part, signature.first<64>());
}

}  // namespace ztshim
