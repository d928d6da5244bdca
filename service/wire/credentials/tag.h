// A tag: a number about a member that rules can compare. Notes: vl2 5.4.
//
//   network (8)  timestamp (8)  id (4)  value (4)  issued to (5)  signed by (5)
//   signature field (99; not in the signed form)  length of additional fields (2)
#pragma once

#include <cstdint>

#include "common/reader.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/identity.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct Tag {
  NetworkId network;
  std::uint64_t timestamp = 0;
  std::uint32_t id = 0;
  std::uint32_t value = 0;
  Address issued_to;
  Address signed_by;
  Signature signature{};

  static Result<Tag, ParseError> read(Reader& in);
  void write(Writer& out) const;
  Bytes signed_bytes() const;
  void sign(const Identity& signer);  // names the signer, too
  bool verify(const Identity& signer) const;
  bool operator==(const Tag&) const = default;
};

}  // namespace ztshim
