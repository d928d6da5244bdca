// WHOIS: asking for identities by address. Notes: vl1-packets 7.4.
//
//   request: addresses (5 each); genuine nodes ask for one      OK: identities (71 each)
#pragma once

#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/address.h"
#include "service/crypto/identity.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct Whois {
  std::vector<Address> addresses;  // one at least

  static Result<Whois, ParseError> parse(ByteView payload);  // a remainder below 5 bytes is ignored
  void write(Writer& out) const;
};

struct OkWhois {
  std::vector<Identity> identities;  // one at least

  // The identities up to the first malformed one.
  static Result<OkWhois, ParseError> parse(ByteView body);
  void write(Writer& out) const;
};

}  // namespace ztshim
