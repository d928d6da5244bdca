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

// What the rest of the world needs to know of a joined network. Addresses and routes are those that
// the local settings admit (vl2 11).
struct NetworkInfo {
  NetworkId id;
  NetworkStatus status = NetworkStatus::RequestingConfiguration;
  std::string name;
  bool is_private = true;  // before a configuration is known, too
  MacAddress mac;
  unsigned mtu = 2800;
  bool broadcast = false, bridge = false;
  std::uint64_t revision = 0;
  std::vector<IpPrefix> addresses;
  std::vector<ManagedRoute> routes;
  std::string dns_domain;
  std::vector<IpAddress> dns_servers;
  std::vector<MulticastGroup> subscriptions;
  bool operator==(const NetworkInfo&) const = default;
};

// Every frame or credential that is refused raises exactly one.
struct Counters {
  std::uint64_t frames_in = 0, frames_out = 0;
  std::uint64_t not_joined = 0, no_certificate = 0, filtered_in = 0, filtered_out = 0, bad_mac = 0,
                bad_signature = 0, stale_credential = 0, malformed = 0, no_config = 0,
                rate_limited = 0, bad_chunk = 0, too_big = 0;
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
  const Counters& counters() const;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace ztshim::vl2
