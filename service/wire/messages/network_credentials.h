// NETWORK_CREDENTIALS: whatever proves that somebody may take part in a network. Notes: vl2 3.5.
//
//   memberships, each beginning with 0x01   0x00   count (2) capabilities   count (2) tags
//   count (2) revocations   count (2) ownerships     may end after 0x00 or after any list
#pragma once

#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/credentials.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct NetworkCredentials {
  std::vector<Membership> memberships;
  std::vector<Capability> capabilities;
  std::vector<Tag> tags;
  std::vector<Revocation> revocations;
  std::vector<Ownership> ownerships;

  static Result<NetworkCredentials, ParseError> parse(ByteView payload);
  void write(Writer& out) const;  // all lists, empty ones too
};

}  // namespace ztshim
