// A member's network configuration, as a value and as the dictionary that carries it.
// Notes: vl2 4.1 to 4.3. Deciding whether to accept one (4.4) is VL2's business.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/ip_prefix.h"
#include "common/result.h"
#include "service/crypto/address.h"
#include "service/wire/credentials.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"
#include "service/wire/rules.h"

namespace ztshim {

struct ManagedRoute {
  IpPrefix target;
  IpAddress via;  // none: directly attached
  std::uint16_t flags = 0;
  std::uint16_t metric = 0;
  bool operator==(const ManagedRoute&) const = default;
};

// A member with special duties.
struct Specialist {
  static constexpr std::uint64_t kActiveBridge = 0x0000020000000000ULL;
  static constexpr std::uint64_t kAnchor = 0x0000040000000000ULL;
  static constexpr std::uint64_t kMulticastReplicator = 0x0000080000000000ULL;
  std::uint64_t value = 0;  // role flags and address

  Address address() const { return Address(value); }
  bool is_active_bridge() const { return (value & kActiveBridge) != 0; }
  bool is_anchor() const { return (value & kAnchor) != 0; }
  bool is_multicast_replicator() const { return (value & kMulticastReplicator) != 0; }
  bool operator==(const Specialist&) const = default;
};

struct NetworkDns {
  std::string domain;                  // at most 128 bytes
  std::array<IpAddress, 4> servers{};  // unused ones are empty
  bool operator==(const NetworkDns&) const = default;
};

// Single sign-on. Version 0 uses the first two, version 1 the others.
struct NetworkSso {
  std::uint64_t version = 0;
  bool enabled = false;
  std::string authentication_url;
  std::uint64_t authentication_expiry = 0;
  std::string issuer_url;
  std::string central_url;
  std::string nonce;
  std::string state;
  std::string client_id;
  std::string provider;
  bool operator==(const NetworkSso&) const = default;
};

struct NetworkConfig {
  static constexpr std::uint64_t kVersion = 7;
  static constexpr std::uint64_t kOldestVersion = 6;
  static constexpr std::uint32_t kDefaultMtu = 2800;
  static constexpr std::uint32_t kMinMtu = 1280;
  static constexpr std::uint32_t kMaxMtu = 10000;
  static constexpr std::size_t kMaxNameSize = 127;
  static constexpr std::size_t kMaxRoutes = 128;
  static constexpr std::size_t kMaxManagedAddresses = 32;
  static constexpr std::size_t kMaxSpecialists = 256;
  static constexpr std::size_t kMaxCapabilities = 128;
  static constexpr std::size_t kMaxTags = 128;
  static constexpr std::size_t kMaxOwnerships = 4;

  static constexpr std::uint64_t kFlagBroadcast = 0x02;
  static constexpr std::uint64_t kFlagNdpEmulation = 0x04;
  static constexpr std::uint64_t kFlagUnknownMatches = 0x08;  // result of unknown MATCH types
  static constexpr std::uint64_t kFlagNoCompression = 0x10;   // of multicast frames

  NetworkId network;
  std::uint64_t timestamp = 0;  // controller's time of issue; credentials' age refers to it
  std::uint64_t credential_max_delta = 0;  // ms
  std::uint64_t revision = 0;
  Address issued_to;
  Address trace_target;
  std::uint64_t trace_level = 0;
  std::uint64_t flags = 0;
  std::uint64_t multicast_limit = 0;  // recipients per multicast; 0: no multicast
  bool is_public = false;
  std::string name;
  std::uint32_t mtu = kDefaultMtu;
  std::optional<Membership> membership;
  std::vector<Capability> capabilities;  // ascending by id
  std::vector<Tag> tags;                 // ascending by id
  std::vector<Ownership> ownerships;
  std::vector<Specialist> specialists;
  std::vector<ManagedRoute> routes;
  std::vector<IpPrefix> managed_addresses;
  Rules rules;
  NetworkDns dns;
  NetworkSso sso;

  bool has_broadcast() const { return (flags & kFlagBroadcast) != 0; }
  bool has_ndp_emulation() const { return (flags & kFlagNdpEmulation) != 0; }
  bool unknown_matches() const { return (flags & kFlagUnknownMatches) != 0; }
  bool may_compress_multicast() const { return (flags & kFlagNoCompression) == 0; }
  bool is_active_bridge(Address address) const;

  // Lists are cut at their limits; a damaged CAP, TAG entry ends its list; other damage, an old
  // version or a missing network or recipient is an error.
  static Result<NetworkConfig, ParseError> parse(ByteView dictionary);
  // In the reference's order of keys. The caller keeps the limits.
  Bytes write() const;
  bool operator==(const NetworkConfig&) const = default;
};

}  // namespace ztshim
