// NETWORK_CONFIG_REQUEST: a member asks the controller for its configuration. Notes: vl2 3.6.
//
//   network (8)   metadata length (2)   metadata: a dictionary
//   revision held (8)   timestamp held (8): 0 if none, may be missing
#pragma once

#include <cstdint>
#include <string>

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/messages/hello.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct NetworkConfigRequest {
  NetworkId network;
  ByteView metadata;  // a view; for RequestMetadata::parse
  std::uint64_t revision_held = 0;
  std::uint64_t timestamp_held = 0;

  static Result<NetworkConfigRequest, ParseError> parse(ByteView payload);
  void write(Writer& out) const;
};

// What a member says about itself. Written in the reference's order of keys.
struct RequestMetadata {
  std::uint64_t config_version = 7;
  std::uint64_t vendor = 0;  // 0 unspecified, 1 ZeroTier
  std::uint64_t protocol = 0;
  SoftwareVersion version;
  std::uint64_t max_rules = 1024;
  std::uint64_t max_capabilities = 128;
  std::uint64_t max_capability_rules = 64;
  std::uint64_t max_tags = 128;
  std::uint64_t flags = 0;
  std::uint64_t rules_engine_revision = 1;
  std::string platform;       // "linux/x86_64"; not written when empty
  std::string authorization;  // "token:…"; not written when empty

  // Missing numbers are 0. Anything parses; at most 1023 bytes are looked at.
  static RequestMetadata parse(ByteView metadata);
  Bytes write() const;
};

}  // namespace ztshim
