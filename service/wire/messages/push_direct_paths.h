// PUSH_DIRECT_PATHS: where the sender believes it can be reached. Notes: vl1-packets 7.7.
//
//   count (2)   per record: flags (1)  extension length (2)  extension
//                           type (1): 4 or 6  length (1): 6 or 18  IP (4 or 16)  port (2)
#pragma once

#include <cstdint>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct PushedPath {
  static constexpr std::uint8_t kForget = 0x01;  // such records are to be skipped
  static constexpr std::uint8_t kClusterRedirect = 0x02;
  std::uint8_t flags = 0;
  Endpoint endpoint;
  bool operator==(const PushedPath&) const = default;
};

struct PushDirectPaths {
  // Genuine senders stay below this packet size and send several.
  static constexpr std::size_t kMaxPacketSize = 1200;
  std::vector<PushedPath> paths;  // of types 4 and 6; others were stepped over

  static Result<PushDirectPaths, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

}  // namespace ztshim
