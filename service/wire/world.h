// Planets and moons: the signed lists of roots. Which world is believed is VL1's business, except
// for the rule by which a new revision replaces the present one. Notes: vl1-packets 8.
//
//   type (1)  ID (8)  timestamp (8)  next signer (64)  signature (96)  number of roots (1)
//   per root: identity (71)  number of endpoints (1)  endpoints (1, 7 or 19 each)
//   moon: length of attached data (2), data: skipped, and not part of the signed form
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "common/reader.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/identity.h"
#include "service/wire/parse_error.h"

namespace ztshim {

enum class WorldType : std::uint8_t { Null = 0, Planet = 1, Moon = 127 };

struct WorldRoot {
  Identity identity;
  std::vector<Endpoint> endpoints;  // where it can be reached; may be empty
  bool operator==(const WorldRoot&) const = default;
};

struct World {
  static constexpr std::size_t kMaxRoots = 4;
  static constexpr std::size_t kMaxEndpoints = 32;
  // OK(HELLO) cannot carry more to genuine nodes (7.1).
  static constexpr std::size_t kMaxAnnouncedSize = 1429;
  static constexpr std::uint64_t kPublicPlanetId = 149604618;

  WorldType type = WorldType::Null;
  std::uint64_t id = 0;
  std::uint64_t timestamp = 0;                 // ms since 1970; the revision
  std::array<std::uint8_t, 64> next_signer{};  // X25519, then Ed25519 public key
  Signature signature{};
  std::vector<WorldRoot> roots;

  // Reads one world and leaves `in` behind it.
  static Result<World, ParseError> read(Reader& in);
  // One world from the first byte; what follows is ignored.
  static Result<World, ParseError> parse(ByteView bytes);
  // The worlds that follow each other in OK(HELLO), up to the first malformed one.
  static std::vector<World> parse_all(ByteView bytes);
  void write(Writer& out) const;
  Bytes bytes() const;

  Bytes signed_bytes() const;
  // Signs with `signer`, an identity with its private part: a world's key pair has the same form,
  // and the address takes no part. `next_signer` stays as it is set.
  void sign(const Identity& signer);
  bool is_signed_by(const std::array<std::uint8_t, 64>& public_key) const;

  // A signed first revision that names its own signer for the next.
  static World make(WorldType type, std::uint64_t id, std::uint64_t timestamp,
                    std::vector<WorldRoot> roots, const Identity& signer);
  // The planet every unconfigured node starts with (8.7).
  static const World& default_planet();

  bool has_root(Address address) const;
  bool operator==(const World&) const = default;
};

// Does `offered` replace `current` (8.4)? Same type and ID, newer, signed by the key that `current`
// names; a null world is replaced by anything.
bool should_replace(const World& current, const World& offered);

// A world's signing key from its two 64-byte halves, in the form in which World::sign() takes it.
std::optional<Identity> world_signer(ByteView public_key, ByteView private_key);

}  // namespace ztshim
