// MULTICAST_FRAME: an Ethernet frame for a group, sent to one of its members. Notes: vl2 3.9.
//
//   network (8)  flags (1)  membership, if 0x01  gather limit (4), if 0x02  source MAC (6), if 0x04
//   group MAC (6)  ADI (4)  EtherType (2)  payload
//   OK: network (8)  group MAC (6)  ADI (4)  flags (1)  membership, if 0x01  gather results, if
//   0x02
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/credentials/membership.h"
#include "service/wire/mac.h"
#include "service/wire/messages/multicast_gather.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct MulticastFrame {
  static constexpr std::uint8_t kFlagMembership = 0x01;
  static constexpr std::uint8_t kFlagGatherLimit = 0x02;
  static constexpr std::uint8_t kFlagSource = 0x04;
  static constexpr std::uint8_t kFlagReplicate = 0x08;  // asks a designated replicator to spread it

  NetworkId network;
  bool replicate = false;
  std::optional<Membership> membership;
  std::optional<std::uint32_t> gather_limit;
  std::optional<MacAddress> source;  // none: the sender's own
  MulticastGroup group;
  std::uint16_t ether_type = 0;
  ByteView data;  // a view of the packet; empty: nothing to deliver

  static Result<MulticastFrame, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

struct OkMulticastFrame {
  static constexpr std::uint8_t kFlagMembership = 0x01;
  static constexpr std::uint8_t kFlagResults = 0x02;

  NetworkId network;
  MulticastGroup group;
  std::optional<Membership> membership;
  std::optional<GatherResults> results;

  static Result<OkMulticastFrame, ParseError> parse(ByteView body);
  void write(Writer& out) const;
};

}  // namespace ztshim
