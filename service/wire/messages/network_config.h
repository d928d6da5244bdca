// Pieces of a network configuration: body of OK(NETWORK_CONFIG_REQUEST) and payload of
// NETWORK_CONFIG, and the acknowledgement of the latter. Notes: vl2 3.7.
//
//   network (8)  length (2)  data  flags (1)  update ID (8)  total length (4)  offset (4)   signed
//   signature type (1) = 1   signature length (2) = 96   signature (96)
//
// The old form ends after the data: a whole configuration without signature.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/identity.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct ConfigChunk {
  static constexpr std::uint8_t kFastPropagate = 0x01;
  static constexpr std::size_t kMaxData = 9740;

  NetworkId network;
  ByteView data;  // a slice of the dictionary
  std::uint8_t flags = 0;
  std::uint64_t update_id = 0;  // the same for all chunks of one configuration
  std::uint32_t total_size = 0;
  std::uint32_t offset = 0;            // in bytes
  std::optional<Signature> signature;  // none: old form
  ByteView signed_part;                // set by parse(): network .. offset
  ByteView whole;  // set by parse(): network .. signature, to be passed on verbatim

  // BadValue as well for a slice that does not lie inside the total, or that is too long in total.
  static Result<ConfigChunk, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
  // By the signature over `signed_part`; false for the old form. For chunks that were parsed.
  bool verify(const Identity& controller) const;
  bool is_fast() const { return (flags & kFastPropagate) != 0; }

  // A dictionary cut, signed and written: the payloads to send, in order. `update_id` is not 0.
  static std::vector<Bytes> split(NetworkId network, ByteView dictionary, std::uint64_t update_id,
                                  const Identity& controller);
};

// Sent as the body of an OK in re ECHO when a pushed configuration is complete: network (8), update
// ID (8).
struct ConfigAcknowledgement {
  NetworkId network;
  std::uint64_t update_id = 0;

  static Result<ConfigAcknowledgement, ParseError> parse(ByteView body);
  void write(Writer& out) const;
};

}  // namespace ztshim
