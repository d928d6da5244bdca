// FRAME: an Ethernet frame between the virtual interfaces of sender and receiver. Notes: vl2 3.2.
//
//   network (8)   EtherType (2)   payload
#pragma once

#include <cstdint>

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct Frame {
  NetworkId network;
  std::uint16_t ether_type = 0;
  ByteView data;  // a view of the packet; empty: nothing to deliver

  static Result<Frame, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

}  // namespace ztshim
