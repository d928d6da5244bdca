#include "service/wire/world.h"

#include <algorithm>

#include "service/wire/address_codec.h"

namespace ztshim {
namespace {

// Around the signed form, so that a world's signature fits nothing else.
constexpr std::uint64_t kSignedPrefix = 0x7f7f7f7f7f7f7f7fULL;
constexpr std::uint64_t kSignedSuffix = 0xf7f7f7f7f7f7f7f7ULL;

enum class Form { Complete, Signed };

void write_world(Writer& out, const World& world, Form form) {
  out.be(static_cast<std::uint8_t>(world.type)).be(world.id).be(world.timestamp);
  out.bytes(world.next_signer);
  if (form == Form::Complete) out.bytes(world.signature);
  out.be(static_cast<std::uint8_t>(world.roots.size()));
  for (const WorldRoot& root : world.roots) {
    root.identity.write(out);
    out.be(static_cast<std::uint8_t>(root.endpoints.size()));
    for (const Endpoint& endpoint : root.endpoints) write_address(out, endpoint);
  }
  if (world.type == WorldType::Moon) out.be(std::uint16_t{0});  // attached data: none
}

Result<WorldRoot, ParseError> read_root(Reader& in) {
  WorldRoot root;
  auto identity = Identity::read(in);
  if (!identity) return failure(ParseError::Truncated);
  root.identity = std::move(*identity);
  const auto count = in.be<std::uint8_t>();
  if (count > World::kMaxEndpoints) return failure(ParseError::TooMany);
  for (unsigned i = 0; i < count; ++i) root.endpoints.push_back(read_address(in));
  if (in.failed()) return failure(ParseError::Truncated);
  return root;
}

// An identity that has these keys and no address of its own.
std::optional<Identity> identity_of_keys(ByteView public_key, ByteView private_key) {
  Bytes form;
  form.reserve(2 * Identity::kWireSize);  // no copies of the private part left behind by growing
  Writer out(form);
  Address().write(out);
  out.be(std::uint8_t{0}).bytes(public_key);
  out.be(static_cast<std::uint8_t>(private_key.size())).bytes(private_key);
  Reader in(form);
  auto identity = Identity::read(in);
  wipe(form);
  return identity;
}

}  // namespace

Result<World, ParseError> World::read(Reader& in) {
  World world;
  const auto type = in.be<std::uint8_t>();
  world.type = static_cast<WorldType>(type);
  world.id = in.be<std::uint64_t>();
  world.timestamp = in.be<std::uint64_t>();
  in.fill(world.next_signer);
  in.fill(world.signature);
  const auto count = in.be<std::uint8_t>();
  if (in.failed()) return failure(ParseError::Truncated);
  if (type != static_cast<std::uint8_t>(WorldType::Null) &&
      type != static_cast<std::uint8_t>(WorldType::Planet) &&
      type != static_cast<std::uint8_t>(WorldType::Moon)) {
    return failure(ParseError::BadValue);
  }
  if (count > kMaxRoots) return failure(ParseError::TooMany);
  for (unsigned i = 0; i < count; ++i) {
    auto root = read_root(in);
    if (!root) return failure(root.error());
    world.roots.push_back(std::move(*root));
  }
  if (world.type == WorldType::Moon) in.take(in.be<std::uint16_t>());
  if (in.failed()) return failure(ParseError::Truncated);
  return world;
}

Result<World, ParseError> World::parse(ByteView bytes) {
  Reader in(bytes);
  return read(in);
}

std::vector<World> World::parse_all(ByteView bytes) {
  std::vector<World> worlds;
  Reader in(bytes);
  while (!in.at_end()) {
    auto world = read(in);
    if (!world) break;
    worlds.push_back(std::move(*world));
  }
  return worlds;
}

void World::write(Writer& out) const { write_world(out, *this, Form::Complete); }

Bytes World::bytes() const {
  Bytes bytes;
  Writer out(bytes);
  write(out);
  return bytes;
}

Bytes World::signed_bytes() const {
  Bytes bytes;
  Writer out(bytes);
  out.be(kSignedPrefix);
  write_world(out, *this, Form::Signed);
  out.be(kSignedSuffix);
  return bytes;
}

void World::sign(const Identity& signer) { signature = signer.sign(signed_bytes()); }

bool World::is_signed_by(const std::array<std::uint8_t, 64>& public_key) const {
  const auto signer = identity_of_keys(public_key, {});
  return signer && signer->verify(signed_bytes(), signature);
}

World World::make(WorldType type, std::uint64_t id, std::uint64_t timestamp,
                  std::vector<WorldRoot> roots, const Identity& signer) {
  World world;
  world.type = type;
  world.id = id;
  world.timestamp = timestamp;
  std::copy(signer.public_key().begin(), signer.public_key().end(), world.next_signer.begin());
  world.roots = std::move(roots);
  world.sign(signer);
  return world;
}

bool World::has_root(Address address) const {
  return std::any_of(roots.begin(), roots.end(), [address](const WorldRoot& root) {
    return root.identity.address() == address;
  });
}

bool should_replace(const World& current, const World& offered) {
  if (current.type == WorldType::Null) return true;
  return offered.type == current.type && offered.id == current.id &&
         offered.timestamp > current.timestamp && offered.is_signed_by(current.next_signer);
}

std::optional<Identity> world_signer(ByteView public_key, ByteView private_key) {
  if (public_key.size() != Identity::kPublicKeySize || private_key.size() != 64)
    return std::nullopt;
  return identity_of_keys(public_key, private_key);
}

}  // namespace ztshim
