// What capability, tag, ownership and revocation have in common around their signatures: the field
// itself and the padding of the signed form. Notes: vl2 5.1.
//
//   type (1) = 1   length (2) = 96   signature (96)
#pragma once

#include "common/reader.h"
#include "common/writer.h"
#include "service/crypto/identity.h"

namespace ztshim {

inline constexpr std::uint64_t kSignedPadding = 0x7f7f7f7f7f7f7f7fULL;

inline constexpr std::size_t kSignatureFieldSize = 99;

void write_signature_field(Writer& out, const Signature& signature);
// Fails `in` for another type or length.
Signature read_signature_field(Reader& in);
// u16 length of fields that newer versions may add: steps over them.
void skip_additional_fields(Reader& in);

}  // namespace ztshim
