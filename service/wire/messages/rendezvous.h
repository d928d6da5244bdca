// RENDEZVOUS: a root names the place where a peer can be tried. Notes: vl1-packets 7.5.
//
//   flags (1) = 0   peer (5)   port (2)   address length (1): 4 or 16   IP (4 or 16)
#pragma once

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/address.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct Rendezvous {
  Address peer;
  Endpoint endpoint;

  static Result<Rendezvous, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

}  // namespace ztshim
