// EXT_FRAME: an Ethernet frame with its MACs, for bridging and for copies made by rules.
// Notes: vl2 3.3.
//
//   network (8)   flags (1)   membership, if 0x01   destination MAC (6)   source MAC (6)
//   EtherType (2)   payload
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/credentials/membership.h"
#include "service/wire/mac.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct ExtFrame {
  static constexpr std::uint8_t kFlagMembership = 0x01;
  static constexpr std::uint8_t kFlagAcknowledge = 0x10;
  // Whole flag bytes that are sent; receivers look at the two flags above alone.
  static constexpr std::uint8_t kNormal = 0x00;
  static constexpr std::uint8_t kOutboundTee = 0x02;
  static constexpr std::uint8_t kOutboundRedirect = 0x04;
  static constexpr std::uint8_t kOutboundWatch = 0x16;
  static constexpr std::uint8_t kInboundTee = 0x08;
  static constexpr std::uint8_t kInboundRedirect = 0x0a;
  static constexpr std::uint8_t kInboundWatch = 0x1c;

  NetworkId network;
  std::uint8_t flags = 0;  // 0x01 is written according to `membership`
  std::optional<Membership> membership;
  MacAddress destination;
  MacAddress source;
  std::uint16_t ether_type = 0;
  ByteView data;  // a view of the packet; empty: nothing to deliver

  bool wants_acknowledgement() const { return (flags & kFlagAcknowledge) != 0; }

  static Result<ExtFrame, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

// Body of OK(EXT_FRAME): network (8).
struct OkExtFrame {
  NetworkId network;

  static Result<OkExtFrame, ParseError> parse(ByteView body);
  void write(Writer& out) const;
};

}  // namespace ztshim
