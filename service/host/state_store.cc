#include "service/host/state_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "common/log.h"
#include "service/host/local_settings.h"

namespace ztshim::host {
namespace {

constexpr const char* kIdentitySecret = "identity.secret";
constexpr const char* kIdentityPublic = "identity.public";
constexpr const char* kPlanet = "planet";
constexpr const char* kPort = "zerotier-one.port";
constexpr std::string_view kMoons = "moons.d";
constexpr std::string_view kPeers = "peers.d";
constexpr std::string_view kNetworks = "networks.d";
constexpr std::string_view kControllerNetworks = "controller.d/network";
// Strangers make peers known to us: an unbounded cache would be read back at every start.
constexpr std::size_t kMaxCachedPeers = 4096;
// vl1-behaviour 12.
constexpr std::int64_t kPeerLifetimeSeconds = std::int64_t{30} * 24 * 3600;
// Before a configuration is known (vl2 10.4).
constexpr std::string_view kJoinedWithoutConfig = "\n";

std::string in(std::string_view folder, std::string_view stem, std::string_view extension) {
  return fmt::format("{}/{}{}", folder, stem, extension);
}
std::string hex16(std::uint64_t number) { return to_hex(number, 16); }
std::string hex10(std::uint64_t number) { return to_hex(number, 10); }

// The stem of a name of exactly `digits` hexadecimal digits and `extension`.
std::optional<std::uint64_t> stem_number(std::string_view name, std::size_t digits,
                                         std::string_view extension) {
  if (name.size() != digits + extension.size() || !name.ends_with(extension)) return std::nullopt;
  return hex_number(name.substr(0, digits));
}

std::string file_of(const StoredObject& object) {
  switch (object.kind) {
    case StoredKind::Planet:
      return kPlanet;
    case StoredKind::Moon:
      return in(kMoons, hex16(object.key), ".moon");
    case StoredKind::Peer:
      return in(kPeers, hex10(object.key), ".peer");
    case StoredKind::NetworkConfig:
      return in(kNetworks, hex16(object.key), ".conf");
    case StoredKind::ControllerNetwork:
      return in(kControllerNetworks, hex16(object.key), ".json");
    case StoredKind::ControllerMember:
      return fmt::format("{}/{}/member/{}.json", kControllerNetworks, hex16(object.owner),
                         hex10(object.key));
  }
  return {};
}

// Controller records hold authorization tokens; configurations and peers say who talks to whom.
mode_t mode_of(StoredKind kind) {
  return kind == StoredKind::Planet || kind == StoredKind::Moon ? kPublicFile : kSecretFile;
}

}  // namespace

Result<World, std::string> read_world_file(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const auto files = HomeFiles::open_existing(folder);
  if (!files) return failure(fmt::format("cannot read the world {}: no such folder", path));
  const auto content = files->read(name);
  if (!content) return failure(content.error());
  if (!*content) return failure(fmt::format("cannot read the world {}: no such file", path));
  const auto world = World::parse(**content);
  if (!world) {
    return failure(
        fmt::format("{} is not a world file: get a copy from whoever runs the roots", path));
  }
  return *world;
}

// ---- identity

Result<std::optional<Identity>, std::string> StateStore::load_identity() const {
  const auto content = files_.read(kIdentitySecret);
  if (!content) return failure(content.error());
  if (!*content) return std::optional<Identity>();
  const auto identity = Identity::parse(as_text(**content));
  const char* const why = !identity                 ? "malformed"
                          : !identity->has_secret() ? "no private key in it"
                          : !identity->is_valid()   ? "the address does not follow from the key"
                                                    : nullptr;
  if (why == nullptr) return std::optional(*identity);
  const std::string kept = files_.set_aside(kIdentitySecret);
  return failure(fmt::format(
      "{} is damaged ({}) and was kept as {}: restore it from a copy, or start again to "
      "get a new identity",
      files_.path_of(kIdentitySecret), why, files_.path_of(kept)));
}

Result<Identity, std::string> StateStore::load_or_make_identity(RandomSource& random) const {
  const auto loaded = load_identity();
  if (!loaded) return failure(loaded.error());
  const Identity identity = *loaded ? **loaded : Identity::generate(random);
  if (!*loaded) {
    log(LogArea::Host, LogLevel::Info, "new identity {}", identity.address().text());
    if (const auto saved = save_identity(identity); !saved) return failure(saved.error());
  } else if (const auto known = files_.read(kIdentityPublic);
             !known || !*known || as_text(**known) != identity.text()) {
    // Convenience for people; a home that cannot be written to is no reason not to run.
    static_cast<void>(files_.write(kIdentityPublic, as_bytes(identity.text()), kPublicFile));
  }
  return identity;
}

Result<void, std::string> StateStore::save_identity(const Identity& identity) const {
  const std::string secret = identity.secret_text();
  if (auto saved = files_.write(kIdentitySecret, as_bytes(secret), kSecretFile); !saved)
    return saved;
  return files_.write(kIdentityPublic, as_bytes(identity.text()), kPublicFile);
}

Result<Identity, std::string> StateStore::replace_identity(RandomSource& random) const {
  const auto secret = files_.read(kIdentitySecret);
  if (!secret) return failure(secret.error());
  if (*secret) {
    const std::string kept = std::string(kIdentitySecret) + ".saved_after_collision";
    if (auto saved = files_.write(kept, **secret, kSecretFile); !saved) {
      return failure(saved.error());
    }
  }
  const Identity identity = Identity::generate(random);
  if (auto saved = save_identity(identity); !saved) return failure(saved.error());
  return identity;
}

// ---- worlds

Result<World, std::string> StateStore::choose_planet(const std::string& given) const {
  std::optional<World> in_home;
  const auto content = files_.read(kPlanet);
  if (!content && given.empty()) return failure(content.error());
  if (content && *content) {
    const auto parsed = World::parse(**content);
    if (parsed && parsed->type == WorldType::Planet) {
      in_home = *parsed;
    } else {
      const std::string kept = files_.set_aside(kPlanet);
      // Falling back to the public roots unasked would take a private node to strangers.
      if (given.empty()) {
        return failure(
            fmt::format("{} is damaged and was kept as {}: put the right planet there, or "
                        "start again to use the built-in one",
                        files_.path_of(kPlanet), files_.path_of(kept)));
      }
    }
  }
  if (!given.empty()) {
    auto planet = read_world_file(given);
    if (!planet) return planet;
    if (planet->type != WorldType::Planet) {
      return failure(fmt::format("{} is a moon, not a planet", given));
    }
    return in_home && should_replace(*planet, *in_home) ? *in_home : *planet;
  }
  if (!in_home || should_replace(*in_home, World::default_planet())) return World::default_planet();
  return *in_home;
}

std::vector<World> StateStore::load_moons() const {
  std::vector<World> moons;
  for (const std::string& name : files_.list(std::string(kMoons))) {
    const auto id = stem_number(name, 16, ".moon");
    if (!id) continue;
    const std::string path = in(kMoons, name, "");
    const auto content = files_.read(path);
    if (!content || !*content) continue;
    const auto moon = World::parse(**content);
    if (moon && moon->type == WorldType::Moon && moon->id == *id) {
      moons.push_back(*moon);
    } else {
      files_.discard(path, "not the moon its name says");
    }
  }
  return moons;
}

std::vector<Bytes> StateStore::load_peers() const {
  std::vector<Bytes> peers;
  for (const std::string& name : files_.list(std::string(kPeers))) {
    if (!stem_number(name, 10, ".peer") || peers.size() == kMaxCachedPeers) continue;
    const auto content = files_.read(in(kPeers, name, ""));
    if (content && *content) peers.push_back(**content);
  }
  return peers;
}

void StateStore::remove_old_peers(std::int64_t wall_ms) const {
  for (const std::string& name : files_.list(std::string(kPeers))) {
    if (!stem_number(name, 10, ".peer")) continue;
    const std::string path = in(kPeers, name, "");
    struct stat info {};
    if (fstatat(files_.descriptor(), path.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (wall_ms / 1000 - info.st_mtim.tv_sec > kPeerLifetimeSeconds) files_.remove(path);
  }
}

// ---- port

std::uint16_t StateStore::load_port() const {
  const auto content = files_.read(kPort);
  std::uint16_t port = 0;
  if (content && *content) {
    const std::string_view text = as_text(**content);
    std::from_chars(text.data(), text.data() + text.size(), port);
  }
  return port;
}

Result<void, std::string> StateStore::save_port(std::uint16_t port) const {
  if (load_port() == port) return {};
  return files_.write(kPort, as_bytes(std::to_string(port)), kPublicFile);
}

// ---- networks

std::vector<StateStore::JoinedNetwork> StateStore::load_networks() const {
  std::vector<JoinedNetwork> networks;
  for (const std::string& name : files_.list(std::string(kNetworks))) {
    const auto id = stem_number(name, 16, ".conf");
    if (!id) continue;
    JoinedNetwork network;
    network.id = NetworkId(*id);
    const auto config = files_.read(in(kNetworks, name, ""));
    if (config && *config) network.config = **config;
    const auto settings = files_.read(in(kNetworks, hex16(*id), ".local.conf"));
    if (settings && *settings) network.settings = parse_local_settings(**settings);
    networks.push_back(std::move(network));
  }
  return networks;
}

Result<void, std::string> StateStore::add_network(NetworkId id) const {
  if (has_network(id)) return {};
  return files_.write(in(kNetworks, id.text(), ".conf"), as_bytes(kJoinedWithoutConfig),
                      kSecretFile);
}

void StateStore::remove_network(NetworkId id) const {
  files_.remove(in(kNetworks, id.text(), ".conf"));
  files_.remove(in(kNetworks, id.text(), ".local.conf"));
}

bool StateStore::has_network(NetworkId id) const {
  return faccessat(files_.descriptor(), in(kNetworks, id.text(), ".conf").c_str(), F_OK, 0) == 0;
}

Result<void, std::string> StateStore::save_settings(NetworkId id,
                                                    const vl2::LocalSettings& settings) const {
  return files_.write(in(kNetworks, id.text(), ".local.conf"),
                      as_bytes(format_local_settings(settings)), kSecretFile);
}

// ---- controller

std::vector<NetworkId> StateStore::record_networks() const {
  std::vector<NetworkId> networks;
  for (const std::string& name : files_.list(std::string(kControllerNetworks))) {
    if (const auto id = stem_number(name, 16, ".json")) networks.emplace_back(*id);
  }
  return networks;
}

void StateStore::read_network(NetworkId network, const Take& take) const {
  const std::string path = in(kControllerNetworks, network.text(), ".json");
  const auto content = files_.read(path);
  if (!content || !*content) return;
  if (const std::string why = take(**content); !why.empty()) files_.discard(path, why);
}

void StateStore::read_members(NetworkId network, const TakeMember& take) const {
  const std::string folder = fmt::format("{}/{}/member", kControllerNetworks, network.text());
  for (const std::string& name : files_.list(folder)) {
    const auto member = stem_number(name, 10, ".json");
    if (!member) continue;
    const std::string path = in(folder, name, "");
    const auto content = files_.read(path);
    if (!content || !*content) continue;
    if (const std::string why = take(Address(*member), **content); !why.empty()) {
      files_.discard(path, why);
    }
  }
}

// ---- from the node

Result<void, std::string> StateStore::apply(const StoredObject& object) const {
  const std::string name = file_of(object);
  if (!object.remove) {
    // Most writes repeat what is there already (the peer cache at every exit): reading is cheaper
    // than waiting for the disk.
    const auto present = files_.read(name);
    if (present && *present && **present == object.content) {
      // The age of a peer's record tells when the peer was last there.
      if (object.kind == StoredKind::Peer) {
        utimensat(files_.descriptor(), name.c_str(), nullptr, 0);
      }
      return {};
    }
    return files_.write(name, object.content, mode_of(object.kind));
  }
  files_.remove(name);
  if (object.kind == StoredKind::NetworkConfig) remove_network(NetworkId(object.key));
  if (object.kind == StoredKind::ControllerNetwork) {
    files_.remove_folder(in(kControllerNetworks, hex16(object.key), ""));
  }
  return {};
}

}  // namespace ztshim::host
