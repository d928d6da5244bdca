// The certificate of ownership: addresses that a member may use as source. Notes: vl2 5.5.
//
//   network (8)  timestamp (8)  flags (8)  id (4)  count (2)  count x { type (1) value (16) }
//   issued to (5)  signed by (5)  signature field (99; not in the signed form)  additional fields
//   (2)
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/endpoint.h"
#include "common/reader.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/identity.h"
#include "service/wire/mac.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct Ownership {
  enum class ThingType : std::uint8_t { Mac = 1, Ipv4 = 2, Ipv6 = 3 };
  struct Thing {
    ThingType type = ThingType::Mac;  // unknown ones are kept
    std::array<std::uint8_t, 16> value{};
    static Thing of(const IpAddress& ip);
    static Thing of(MacAddress mac);
    bool operator==(const Thing&) const = default;
  };
  static constexpr std::size_t kMaxThings = 16;

  NetworkId network;
  std::uint64_t timestamp = 0;
  std::uint64_t flags = 0;
  std::uint32_t id = 0;
  std::vector<Thing> things;
  Address issued_to;
  Address signed_by;
  Signature signature{};

  static Result<Ownership, ParseError> read(Reader& in);
  void write(Writer& out) const;
  Bytes signed_bytes() const;
  void sign(const Identity& signer);
  bool verify(const Identity& signer) const;

  bool owns(const IpAddress& ip) const;
  bool owns(MacAddress mac) const;
  bool operator==(const Ownership&) const = default;
};

}  // namespace ztshim
