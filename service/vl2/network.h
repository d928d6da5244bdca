// One joined network: what its controller granted us, whom we know in it, what we listen to. State
// and the questions about it; packets are the engine's part. Notes: vl2 4.4, 6, 10.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "common/time.h"
#include "service/vl2/config_assembly.h"
#include "service/vl2/credential_store.h"
#include "service/vl2/vl2.h"

namespace ztshim::vl2 {

// What we know of another member, or of somebody who might be one.
struct Member {
  CredentialStore credentials;
  Time last_push = kLongAgo;  // of our credentials to it
  Time last_like = kLongAgo;  // of our groups to it
  Time last_used = kLongAgo;

  // The last answer of the gate and what it was given for. Agreement costs a digest of the peer's
  // key, and every frame asks.
  struct Admission {
    std::uint32_t config = 0;  // generations; 0: never asked
    std::uint32_t credentials = 0;
    std::array<std::uint8_t, Identity::kPublicKeySize> key{};
    bool admitted = false;
  };
  Admission admission;
};

class Network {
 public:
  Network(NetworkId id, Address own, LocalSettings settings);

  NetworkId id() const { return id_; }
  Address controller() const { return id_.controller(); }
  MacAddress mac() const { return mac_; }
  NetworkInfo info() const;

  // ---- configuration
  // Nullptr until there is one. A later failure does not take it away (vl2 10.1).
  const NetworkConfig* config() const { return config_ ? &*config_ : nullptr; }
  NetworkStatus status() const;
  // Sticky until the next configuration.
  void fail(NetworkStatus why) { failure_ = why; }
  // Has the controller shut us out, although we may hold a configuration?
  bool is_shut_out() const { return failure_ == NetworkStatus::AccessDenied; }
  std::string authentication_url;
  enum class Applied : std::uint8_t {
    Foreign,  // of another network or for another node
    Stale,    // older than ours, and not by the controller's own hand
    Same,
    Replaced,
  };
  Applied apply(Time now, NetworkConfig config, bool from_controller);
  Time last_config() const { return last_config_; }
  void set_settings(LocalSettings settings);
  bool is_active_bridge(Address address) const {
    return config_ && config_->is_active_bridge(address);
  }
  bool is_active_bridge() const { return is_active_bridge(own_); }
  // Our own credentials as payloads of NETWORK_CREDENTIALS; none without a certificate.
  const std::vector<Bytes>& credential_packets() const { return credential_packets_; }
  // Within the range of one of our addresses?
  bool is_virtual(const IpAddress& ip) const;
  // May a chunk be passed on to everybody now? Once each is the rule; but who plays old ones back,
  // validly signed, must not make us send without end.
  bool may_pass_on(Time now);
  ConfigAssembly assembly;
  Time next_request = kLongAgo;
  Time last_request = kLongAgo;

  // ---- members
  Member* find(Address address);
  // Makes one up if need be; nullptr when the table is full.
  Member* member(Time now, Address address);
  // The membership gate (vl2 6.2), without its side effect.
  bool admits(Time now, const Identity& peer);
  // On a private network: its certificate was revoked, and it has shown no newer one.
  bool is_revoked(Address address) const;
  std::unordered_map<Address, Member>& members() { return members_; }
  void forget_idle_members(Time now);

  // ---- groups we listen to (vl2 1.5)
  const std::set<MulticastGroup>& groups() const { return groups_; }
  // For gather answers: not the automatic broadcast group.
  bool listens_to(const MulticastGroup& group) const;
  // These return the groups that are new.
  std::vector<MulticastGroup> set_host_groups(std::vector<MulticastGroup> groups);
  std::vector<MulticastGroup> learn_bridged_group(Time now, const MulticastGroup& group);
  std::vector<MulticastGroup> refresh_groups();
  void expire_bridged_groups(Time now);
  // When each keeper of the network's database was last told all our groups: roots, controller,
  // anchors, replicators.
  std::unordered_map<Address, Time> last_told;

  Counters counters;

  // ---- hosts behind bridges (vl2 8.3)
  void learn_route(MacAddress host, Address bridge);
  Address bridge_of(MacAddress host) const;  // reserved: not learned
  std::size_t known_routes() const { return bridge_routes_.size(); }

 private:
  std::string reason() const;
  void write_credential_packets();
  void admit_managed();
  void drop_routes_of_busiest_bridge();

  NetworkId id_;
  Address own_;
  MacAddress mac_;
  LocalSettings settings_;

  std::optional<NetworkConfig> config_;
  std::uint32_t config_generation_ = 0;
  std::optional<NetworkStatus> failure_;
  Time last_config_ = kLongAgo;
  Time pass_on_since_ = kLongAgo;
  std::size_t passed_on_ = 0;
  std::vector<Bytes> credential_packets_;
  EffectiveSettings effective_;
  std::vector<ManagedRoute> routes_;  // admitted, as written

  std::unordered_map<Address, Member> members_;
  std::set<MulticastGroup> groups_;
  std::vector<MulticastGroup> host_groups_;
  std::map<MulticastGroup, Time> bridged_groups_;
  std::map<MacAddress, Address> bridge_routes_;
};

}  // namespace ztshim::vl2
