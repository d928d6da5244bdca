// USER_MESSAGE: bytes for an application. Notes: vl1-packets 7.8.
//
//   type (8): up to 65535 reserved   data
#pragma once

#include <cstdint>

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct UserMessage {
  std::uint64_t type = 0;
  ByteView data;

  static Result<UserMessage, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

}  // namespace ztshim
