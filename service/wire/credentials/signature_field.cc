#include "service/wire/credentials/signature_field.h"

namespace ztshim {
namespace {

constexpr std::uint8_t kEd25519 = 1;
constexpr std::uint16_t kSignatureSize = 96;

}  // namespace

void write_signature_field(Writer& out, const Signature& signature) {
  out.be(kEd25519).be(kSignatureSize).bytes(signature);
}

Signature read_signature_field(Reader& in) {
  Signature signature{};
  const auto type = in.be<std::uint8_t>();
  const auto size = in.be<std::uint16_t>();
  if (type != kEd25519 || size != kSignatureSize) in.fail();
  in.fill(signature);
  return signature;
}

void skip_additional_fields(Reader& in) { in.take(in.be<std::uint16_t>()); }

}  // namespace ztshim
