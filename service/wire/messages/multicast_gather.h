// MULTICAST_GATHER: who listens to a group? Notes: vl2 3.8.
//
//   request: network (8)  flags (1)  group MAC (6)  ADI (4)  limit (4)  membership, if 0x01
//   OK:      network (8)  group MAC (6)  ADI (4)  gather results
//   gather results: total known (4)  count (2)  addresses (5 each)
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/reader.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/address.h"
#include "service/wire/credentials/membership.h"
#include "service/wire/mac.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct MulticastGather {
  static constexpr std::uint8_t kFlagMembership = 0x01;
  NetworkId network;
  MulticastGroup group;
  std::uint32_t limit = 0;
  std::optional<Membership> membership;

  static Result<MulticastGather, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

struct GatherResults {
  std::uint32_t total_known = 0;
  std::vector<Address> members;  // at most 65535, and what fits into the packet

  static Result<GatherResults, ParseError> read(Reader& in);
  void write(Writer& out) const;
};

struct OkMulticastGather {
  NetworkId network;
  MulticastGroup group;
  GatherResults results;

  static Result<OkMulticastGather, ParseError> parse(ByteView body);
  void write(Writer& out) const;
};

}  // namespace ztshim
