// The header that all OKs begin with. Notes: vl1-packets 7.3.
//
//   verb answered (1)   packet ID answered (8)   body
#pragma once

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/packet.h"
#include "service/wire/parse_error.h"
#include "service/wire/verb.h"

namespace ztshim {

struct OkHeader {
  static constexpr std::size_t kSize = 9;
  Verb in_re_verb = Verb::Nop;
  PacketId in_re;  // on-wire ID of the request
  ByteView body;   // what follows; not written

  static Result<OkHeader, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

}  // namespace ztshim
