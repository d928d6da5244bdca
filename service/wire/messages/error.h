// ERROR: its header, and the bodies that VL2 gives it. Notes: vl1-packets 7.2, vl2 3.1, 3.6.
//
//   verb answered (1)   packet ID answered (8)   code (1)   body
#pragma once

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/mac.h"
#include "service/wire/network_id.h"
#include "service/wire/packet.h"
#include "service/wire/parse_error.h"
#include "service/wire/verb.h"

namespace ztshim {

struct ErrorHeader {
  static constexpr std::size_t kSize = 10;
  Verb in_re_verb = Verb::Nop;
  PacketId in_re;
  ErrorCode code = ErrorCode::None;
  ByteView body;  // what follows; not written

  static Result<ErrorHeader, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

// Body of the errors about a network (0x03, 0x05, 0x06, 0x07, 0x09): network (8), and with 0x09
// perhaps the length (2) and text of a dictionary that says how to authenticate.
struct NetworkError {
  NetworkId network;
  ByteView authentication;  // empty when there is none

  static Result<NetworkError, ParseError> parse(ByteView body);
  void write(Writer& out) const;
};

// Body of UNWANTED_MULTICAST: network (8), group (10).
struct UnwantedMulticast {
  NetworkId network;
  MulticastGroup group;

  static Result<UnwantedMulticast, ParseError> parse(ByteView body);
  void write(Writer& out) const;
};

}  // namespace ztshim
