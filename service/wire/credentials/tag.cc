#include "service/wire/credentials/tag.h"

#include "service/wire/credentials/signature_field.h"

namespace ztshim {
namespace {

void write_body(Writer& out, const Tag& tag) {
  out.be(tag.network.number()).be(tag.timestamp).be(tag.id).be(tag.value);
  tag.issued_to.write(out);
  tag.signed_by.write(out);
}

}  // namespace

Result<Tag, ParseError> Tag::read(Reader& in) {
  Tag tag;
  tag.network = NetworkId(in.be<std::uint64_t>());
  tag.timestamp = in.be<std::uint64_t>();
  tag.id = in.be<std::uint32_t>();
  tag.value = in.be<std::uint32_t>();
  tag.issued_to = Address::read(in);
  tag.signed_by = Address::read(in);
  tag.signature = read_signature_field(in);
  skip_additional_fields(in);
  if (in.failed()) return failure(ParseError::Truncated);
  return tag;
}

void Tag::write(Writer& out) const {
  write_body(out, *this);
  write_signature_field(out, signature);
  out.be(std::uint16_t{0});
}

Bytes Tag::signed_bytes() const {
  Bytes bytes;
  Writer out(bytes);
  out.be(kSignedPadding);
  write_body(out, *this);
  out.be(std::uint16_t{0}).be(kSignedPadding);
  return bytes;
}

void Tag::sign(const Identity& signer) {
  signed_by = signer.address();
  signature = signer.sign(signed_bytes());
}

bool Tag::verify(const Identity& signer) const {
  return signed_by == signer.address() && signer.verify(signed_bytes(), signature);
}

}  // namespace ztshim
