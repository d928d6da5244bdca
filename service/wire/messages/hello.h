// HELLO and its answer. Notes: vl1-packets 7.1.
//
// HELLO, from the verb on:  protocol (1)  major (1)  minor (1)  revision (2)  timestamp (8)
//   identity (71)  address sent to (1, 7 or 19)  planet ID (8)  planet timestamp (8)
//   masked from here: count (2)  count x { world type (1)  world ID (8)  timestamp (8) }
// Everything after the identity may be missing. Masking the tail is PacketKeys' work.
//
// OK(HELLO), after the OK header:  timestamp (8)  protocol (1)  major (1)  minor (1)  revision (2)
//   address seen (1, 7 or 19)  length of worlds (2)  worlds
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/identity.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct SoftwareVersion {
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint16_t revision = 0;
  auto operator<=>(const SoftwareVersion&) const = default;
};

// A world the sender has (or wants, with timestamp 0).
struct WorldRevision {
  std::uint8_t type = 0;  // 127: moon; others are stepped over by receivers, and kept here
  std::uint64_t id = 0;
  std::uint64_t timestamp = 0;
  bool operator==(const WorldRevision&) const = default;
};

struct Hello {
  std::uint8_t protocol = 0;
  SoftwareVersion version;
  std::uint64_t timestamp = 0;  // sender's clock in ms; echoed in the answer
  Identity identity;
  Endpoint sent_to;  // none when missing, too
  std::uint64_t planet_id = 0;
  std::uint64_t planet_timestamp = 0;
  std::vector<WorldRevision> moons;

  // Where in the whole packet the masked tail begins, or nothing when the packet ends before or
  // cannot be read so far. To be asked before parse() (to unmask) and after write() (to mask).
  static std::optional<std::size_t> tail_offset(ByteView packet);
  // The sender's identity alone: enough to find or make the key that the rest is checked with.
  static std::optional<Identity> identity_of(ByteView payload);
  // `payload` with its tail unmasked.
  static Result<Hello, ParseError> parse(ByteView payload);
  void write(Writer& out) const;  // tail in clear
};

struct OkHello {
  std::uint64_t timestamp = 0;  // copied from the HELLO
  std::uint8_t protocol = 0;
  SoftwareVersion version;
  Endpoint seen_at;  // from where the HELLO came; none when missing, too
  ByteView worlds;   // one after the other, for World::parse_all; a view of the packet

  static Result<OkHello, ParseError> parse(ByteView body);
  void write(Writer& out) const;
};

}  // namespace ztshim
