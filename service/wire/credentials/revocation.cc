#include "service/wire/credentials/revocation.h"

#include "service/wire/credentials/signature_field.h"

namespace ztshim {
namespace {

void write_body(Writer& out, const Revocation& revocation) {
  out.be(std::uint32_t{0}).be(revocation.id).be(revocation.network.number());
  out.be(std::uint32_t{0}).be(revocation.credential_id);
  out.be(revocation.threshold).be(revocation.flags);
  revocation.target.write(out);
  revocation.signed_by.write(out);
  out.be(static_cast<std::uint8_t>(revocation.type));
}

}  // namespace

Result<Revocation, ParseError> Revocation::read(Reader& in) {
  Revocation revocation;
  in.take(4);
  revocation.id = in.be<std::uint32_t>();
  revocation.network = NetworkId(in.be<std::uint64_t>());
  in.take(4);
  revocation.credential_id = in.be<std::uint32_t>();
  revocation.threshold = in.be<std::uint64_t>();
  revocation.flags = in.be<std::uint64_t>();
  revocation.target = Address::read(in);
  revocation.signed_by = Address::read(in);
  revocation.type = static_cast<CredentialType>(in.be<std::uint8_t>());
  revocation.signature = read_signature_field(in);
  skip_additional_fields(in);
  if (in.failed()) return failure(ParseError::Truncated);
  return revocation;
}

void Revocation::write(Writer& out) const {
  write_body(out, *this);
  write_signature_field(out, signature);
  out.be(std::uint16_t{0});
}

Bytes Revocation::signed_bytes() const {
  Bytes bytes;
  Writer out(bytes);
  out.be(kSignedPadding);
  write_body(out, *this);
  out.be(std::uint16_t{0}).be(kSignedPadding);
  return bytes;
}

void Revocation::sign(const Identity& signer) {
  signed_by = signer.address();
  signature = signer.sign(signed_bytes());
}

bool Revocation::verify(const Identity& signer) const {
  return signed_by == signer.address() && signer.verify(signed_bytes(), signature);
}

}  // namespace ztshim
