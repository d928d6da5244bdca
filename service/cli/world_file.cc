#include "service/cli/world_file.h"

#include <fmt/core.h>

#include <algorithm>

#include "service/crypto/curve25519.h"
#include "service/host/clock.h"

namespace ztshim::cli {
namespace {

constexpr std::size_t kHalf = 64;
constexpr std::uint64_t kOtherReservedId = 227883110;  // vl1-packets 8.3

struct Place {
  std::string folder, name;
};
Place place_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

Bytes new_key(RandomSource& random) {
  Secret<64> seed;
  random.fill(seed.writable());
  Bytes key;
  append(key, x25519_public(seed.part<0, 32>()));
  append(key, ed25519_public(seed.part<32, 32>()));
  append(key, seed.bytes());
  return key;
}

std::uint64_t wall_now() { return static_cast<std::uint64_t>(host::read_clocks().wall_ms); }

}  // namespace

Result<Bytes, std::string> read_file(const std::string& path) {
  const Place place = place_of(path);
  const auto files = host::HomeFiles::open_existing(place.folder);
  if (!files) return failure(files.error());
  auto content = files->read(place.name);
  if (!content) return failure(content.error());
  if (!*content) return failure(fmt::format("{}: no such file", path));
  return **content;
}

Result<void, std::string> write_file(const std::string& path, ByteView content, mode_t mode) {
  const Place place = place_of(path);
  const auto files = host::HomeFiles::open_existing(place.folder);
  if (!files) return failure(files.error());
  return files->write(place.name, content, mode);
}

Result<Identity, std::string> load_signer(const std::string& path) {
  auto key = read_file(path);
  if (!key) return failure(key.error());
  std::optional<Identity> signer;
  if (key->size() == 2 * kHalf) {
    signer = world_signer(ByteView(*key).first(kHalf), ByteView(*key).last(kHalf));
  }
  wipe(*key);
  if (!signer) return failure(fmt::format("{} is not a world's signing key", path));
  return *signer;
}

Result<Identity, std::string> load_or_make_signer(const std::string& path, RandomSource& random) {
  const Place place = place_of(path);
  const auto files = host::HomeFiles::open(place.folder);
  if (!files) return failure(files.error());
  const auto names = files->list(".");
  if (std::find(names.begin(), names.end(), place.name) == names.end()) {
    Bytes key = new_key(random);
    const auto written = files->write(place.name, key, host::kSecretFile);
    wipe(key);
    if (!written) return failure(written.error());
  }
  return load_signer(path);
}

World make_planet(std::vector<WorldRoot> roots, const Identity& signer, RandomSource& random) {
  std::uint64_t id = 0;
  while (id == 0 || id == World::kPublicPlanetId || id == kOtherReservedId) id = random.number();
  return World::make(WorldType::Planet, id, wall_now(), std::move(roots), signer);
}

bool names_signer(const World& present, const Identity& signer) {
  const auto key = signer.public_key();
  return std::equal(key.begin(), key.end(), present.next_signer.begin(), present.next_signer.end());
}

World make_moon(std::uint64_t id, std::vector<WorldRoot> roots, const Identity& signer) {
  return World::make(WorldType::Moon, id, wall_now(), std::move(roots), signer);
}

Result<World, std::string> revise(const World& present, std::vector<WorldRoot> roots,
                                  const Identity& signer) {
  if (!names_signer(present, signer)) {
    return failure(std::string("that key may not sign this world: it names another one"));
  }
  return World::make(present.type, present.id, std::max(wall_now(), present.timestamp + 1),
                     std::move(roots), signer);
}

}  // namespace ztshim::cli
