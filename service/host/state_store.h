// What a node keeps between runs, in the layout of a zerotier-one home (architecture.md 7,
// vl1-behaviour 17). Turns files into what the node is handed at its start, and the node's
// StoredObjects into files. What the contents mean is the node's business, beyond being
// well-formed.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/controller/record_source.h"
#include "service/crypto/identity.h"
#include "service/host/home_files.h"
#include "service/vl1/outbox.h"
#include "service/vl2/vl2.h"
#include "service/wire/world.h"

namespace ztshim::host {

class StateStore final : public controller::RecordSource {
 public:
  explicit StateStore(HomeFiles files) : files_(std::move(files)) {}
  const HomeFiles& files() const { return files_; }

  // identity.secret, checked against its address; nothing when there is none. A damaged one is set
  // aside and reported: a node must not change its address unnoticed.
  Result<std::optional<Identity>, std::string> load_identity() const;
  // The same, or a new one, stored (about a second of work). Writes identity.public when it
  // differs.
  Result<Identity, std::string> load_or_make_identity(RandomSource& random) const;
  Result<void, std::string> save_identity(const Identity& identity) const;
  // The address is another's: the identity is kept as identity.secret.saved_after_collision, and a
  // new one takes its place (vl1-behaviour 9).
  Result<Identity, std::string> replace_identity(RandomSource& random) const;

  // Which planet the node believes at its start (vl1-packets 8.5): the file `given` if not empty
  // (a newer revision of the same world in the home wins), else the home's, else the built-in one,
  // which also replaces an older signed revision of itself.
  Result<World, std::string> choose_planet(const std::string& given) const;
  std::vector<World> load_moons() const;

  // The UDP port of the last run; 0: none. A node that comes back at its old port is found at once:
  // its peers still send there, and take a new port of the same address for an intruder while the
  // old one seems alive (vl1-behaviour 5.3, "redundancy").
  std::uint16_t load_port() const;
  Result<void, std::string> save_port(std::uint16_t port) const;
  std::vector<Bytes> load_peers() const;
  // Removes what has not been written again for 30 days (vl1-behaviour 12).
  void remove_old_peers(std::int64_t wall_ms) const;

  struct JoinedNetwork {
    NetworkId id;
    Bytes config;
    vl2::LocalSettings settings;
  };
  std::vector<JoinedNetwork> load_networks() const;
  // Marks it as joined; an existing configuration stays.
  Result<void, std::string> add_network(NetworkId id) const;
  void remove_network(NetworkId id) const;
  bool has_network(NetworkId id) const;
  Result<void, std::string> save_settings(NetworkId id, const vl2::LocalSettings& settings) const;

  // ---- controller::RecordSource: controller.d
  std::vector<NetworkId> record_networks() const override;
  void read_network(NetworkId network, const Take& take) const override;
  void read_members(NetworkId network, const TakeMember& take) const override;

  Result<void, std::string> apply(const StoredObject& object) const;

 private:
  HomeFiles files_;
};

// Reads a world file outside a home.
Result<World, std::string> read_world_file(const std::string& path);

}  // namespace ztshim::host
