// VL2 as its users see it: the virtual Ethernet networks this node has joined. Sans-I/O; a client
// of VL1 and its UpperLayer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/ip_prefix.h"
#include "common/time.h"
#include "service/crypto/random.h"
#include "service/vl1/outbox.h"
#include "service/vl1/vl1.h"
#include "service/wire/mac.h"
#include "service/wire/network_config_dictionary.h"
#include "service/wire/network_id.h"

namespace ztshim::vl2 {

using ztshim::ManagedRoute;  // target, via (empty: on-link)

// vl2 10.1, by their names on the local API.
enum class NetworkStatus : std::uint8_t {
  RequestingConfiguration,
  Ok,
  AccessDenied,
  NotFound,
  PortError,
  ClientTooOld,
  AuthenticationRequired,
};
std::string_view name_of(NetworkStatus status);

// networks.d/<id>.local.conf (vl2 10.4).
struct LocalSettings {
  bool allow_managed = true, allow_global = false, allow_default = false, allow_dns = false;
  std::vector<IpPrefix>
      managed_within;  // non-empty: managed addresses and routes only inside these
};

// A route as the stack installs it (vl2 11).
struct EffectiveRoute {
  IpPrefix target;   // host bits cleared
  IpAddress via;     // none: on-link
  IpAddress source;  // of our addresses the nearest to the target
  bool operator==(const EffectiveRoute&) const = default;
};

// What a network asks of the stack once its configuration and the local settings have had their
// say: to be carried out as it is, nothing is left to decide (vl2 11).
struct EffectiveSettings {
  std::vector<IpPrefix> addresses;     // with the range that is on-link by them
  std::vector<EffectiveRoute> routes;  // default routes, too; none that an address implies
  std::string dns_domain;              // empty: no name is looked up there
  std::vector<IpAddress> dns_servers;  // in order
  bool operator==(const EffectiveSettings&) const = default;
};

// What the rest of the world needs to know of a joined network. Addresses, routes and DNS are those
// that the local settings admit (vl2 11).
struct NetworkInfo {
  NetworkId id;
  NetworkStatus status = NetworkStatus::RequestingConfiguration;
  std::string reason;  // one sentence for people: why the status is not OK and what to do; else ""
  std::string name;
  bool is_private = true;  // before a configuration is known, too
  MacAddress mac;
  unsigned mtu = 2800;
  bool broadcast = false, bridge = false;
  std::uint64_t revision = 0;
  std::string authentication_url;  // of AUTHENTICATION_REQUIRED, when the controller named one
  std::vector<IpPrefix> addresses;
  std::vector<ManagedRoute> routes;  // as the controller wrote them
  std::string dns_domain;
  std::vector<IpAddress> dns_servers;
  EffectiveSettings effective;
  std::vector<MulticastGroup> subscriptions;
  bool operator==(const NetworkInfo&) const = default;
};

// What became of frames and credentials: each that is refused raises exactly one of the reasons.
struct Counters {
  std::uint64_t frames_in = 0;   // handed to the interface
  std::uint64_t frames_out = 0;  // of the interface, sent to somebody
  // ---- frames refused, in either direction
  std::uint64_t not_joined = 0;      // of a network we are not in
  std::uint64_t no_config = 0;       // before there was a configuration
  std::uint64_t access_denied = 0;   // after the controller has shut us out
  std::uint64_t no_certificate = 0;  // the other node has shown none that agrees with ours (yet)
  std::uint64_t revoked = 0;         // ... or one that was revoked
  std::uint64_t filtered_in = 0;     // by the rules
  std::uint64_t filtered_out = 0;
  std::uint64_t not_owned = 0;     // by rules that ask whether the sender's address is its own
  std::uint64_t bad_mac = 0;       // a MAC that is not the sender's, or a destination not ours
  std::uint64_t no_multicast = 0;  // multicast or broadcast is off in this network
  std::uint64_t malformed = 0;     // frames and other packets
  std::uint64_t too_big = 0;
  // Of those counted under no_config, no_certificate and revoked: looked at again, because what was
  // missing came within five seconds.
  std::uint64_t late = 0;
  // ---- credentials refused
  std::uint64_t bad_credential = 0;    // forged, or not the controller's
  std::uint64_t stale_credential = 0;  // superseded or revoked
  std::uint64_t rate_limited = 0;      // packets of credentials not looked at
  // ---- configurations refused
  std::uint64_t bad_signature = 0;  // chunks
  std::uint64_t bad_chunk = 0;      // unsigned ones from others than the controller, or for others
  std::uint64_t stale_config = 0;   // older than the one held

  Counters& operator+=(const Counters& other);
};

// Answers NETWORK_CONFIG_REQUEST; implemented by controller/.
class ConfigAuthority {
 public:
  struct Request {
    NetworkId network;
    const Identity& member;
    PacketId id;                       // 0 when asked by our own node
    ByteView metadata;                 // dictionary
    std::optional<Endpoint> physical;  // only when it came directly
  };
  virtual ~ConfigAuthority() = default;
  virtual void on_config_request(Now now, const Request& request, Outbox& out) = 0;
  // Served a configuration of this network within the last 180 s (vl2 6.3): may use our multicast
  // database though we are no member.
  virtual bool is_authorized(Now now, NetworkId network, Address member) const = 0;
};

class Vl2 final : public vl1::UpperLayer {
 public:
  explicit Vl2(RandomSource& random);
  ~Vl2() override;
  // Before anything else. `authority` may be null: then requests get UNSUPPORTED_OPERATION.
  void attach(vl1::Vl1& vl1, ConfigAuthority* authority);

  // ---- networks
  // `cached` is the content of networks.d/<id>.conf, if any. Joining twice changes nothing.
  void join(Now now, NetworkId network, ByteView cached, LocalSettings settings, Outbox& out);
  void leave(Now now, NetworkId network, Outbox& out);
  void set_settings(Now now, NetworkId network, LocalSettings settings, Outbox& out);
  // As in local.conf: configurations are asked for, groups announced and members looked for less
  // often (vl2 9.2, 9.3, 10.2).
  void set_low_bandwidth(bool on);
  std::vector<NetworkId> networks() const;
  std::optional<NetworkInfo> info(NetworkId network) const;
  // Groups the host stack joined on the interface besides those VL2 knows (vl2 1.5, 3).
  void set_host_groups(Now now, NetworkId network, std::vector<MulticastGroup> groups, Outbox& out);

  // ---- frames from the virtual interface
  void on_frame(Now now, NetworkId network, MacAddress destination, MacAddress source,
                std::uint16_t ether_type, ByteView payload, Outbox& out);

  // ---- vl1::UpperLayer
  vl1::Verdict on_packet(Now now, const vl1::Incoming& packet, Outbox& out) override;
  void on_identity_known(Now now, Address address, Outbox& out) override;
  bool is_virtual(const IpAddress& ip) const override;

  // ---- for our own controller, which needs no packet to reach us
  // A configuration for this node, as a dictionary (not signed: it never left the node).
  void apply_own_config(Now now, NetworkId network, ByteView dictionary, Outbox& out);
  void deny_own_config(Now now, NetworkId network, ErrorCode code, Outbox& out);
  // Credentials (payload of NETWORK_CREDENTIALS): revocations concern its node as well.
  void accept_own_credentials(Now now, ByteView credentials, Outbox& out);

  void on_deadline(Now now, Outbox& out);
  Time next_deadline() const;
  // Of one joined network; those of packets that belong to none are in the total only.
  std::optional<Counters> counters(NetworkId network) const;
  Counters counters() const;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace ztshim::vl2
