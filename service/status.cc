#include "service/status.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

#include "common/real.h"
#include "common/unique_fd.h"
#include "service/network_bridge.h"
#include "service/vl1/constants.h"

namespace ztshim::status {
namespace {

struct Version {
  int major = 0, minor = 0, revision = 0;
};

// "1.2.3" as the build system wrote it.
Version own_version() {
  Version version;
  std::string_view text = ZTSHIM_VERSION;
  for (int* part : {&version.major, &version.minor, &version.revision}) {
    const auto end = std::from_chars(text.data(), text.data() + text.size(), *part).ptr;
    text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
  }
  return version;
}

Json texts_of(const std::vector<Endpoint>& endpoints) {
  Json list = Json::array();
  for (const Endpoint& endpoint : endpoints) list.push_back(endpoint.protocol_text());
  return list;
}

Json node_base(const Identity& identity, bool online, const Surroundings& around, Json networks) {
  const Version version = own_version();
  Json settings{{"homeDir", around.home}, {"listeningOn", texts_of(around.listening_on)}};
  if (!around.listening_on.empty()) settings["primaryPort"] = around.listening_on.front().port;
  return {{"address", identity.address().text()},
          {"publicIdentity", identity.text()},
          {"online", online},
          {"tcpFallbackActive", around.tcp_fallback_active},
          {"version", ZTSHIM_VERSION},
          {"versionMajor", version.major},
          {"versionMinor", version.minor},
          {"versionRev", version.revision},
          {"versionBuild", 0},
          {"config", {{"settings", std::move(settings)}}},
          {"networks", std::move(networks)}};
}

void add_settings(Json& to, const vl2::LocalSettings& settings) {
  to["allowManaged"] = settings.allow_managed;
  to["allowGlobal"] = settings.allow_global;
  to["allowDefault"] = settings.allow_default;
  to["allowDNS"] = settings.allow_dns;
}

// Milliseconds since 1970 of a monotonic time; 0 for "never".
std::int64_t wall_of(Time time, Now now) {
  return time == kLongAgo ? 0 : now.wall_ms - (now.time - time).count();
}

// What the process is called; nothing when it has gone, or lives where its number means another
// one.
std::string program_of(int pid) {
  char name[32] = "";
  const UniqueFd file(::open(fmt::format("/proc/{}/comm", pid).c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t size = file ? real().read(file.get(), name, sizeof name) : 0;
  std::string_view text(name, size > 0 ? static_cast<std::size_t>(size) : 0);
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

Json network(const vl2::NetworkInfo& info, const vl2::LocalSettings& settings) {
  Json addresses = Json::array(), routes = Json::array(), groups = Json::array();
  for (const IpPrefix& address : info.addresses) addresses.push_back(address.text());
  for (const vl2::ManagedRoute& route : info.routes) {
    Json via = nullptr;
    if (route.via) via = route.via.text();
    routes.push_back(
        {{"target", route.target.text()}, {"via", std::move(via)}, {"flags", 0}, {"metric", 0}});
  }
  for (const MulticastGroup& group : info.subscriptions) {
    groups.push_back({{"mac", group.mac.text()}, {"adi", group.adi}});
  }
  Json servers = Json::array();
  for (const IpAddress& server : info.dns_servers) servers.push_back(server.text());
  Json json{{"id", info.id.text()},
            {"nwid", info.id.text()},
            {"name", info.name},
            {"status", vl2::name_of(info.status)},
            {"reason", info.reason},
            {"type", info.is_private ? "PRIVATE" : "PUBLIC"},
            {"mac", info.mac.text()},
            {"mtu", info.mtu},
            {"dhcp", false},
            {"bridge", info.bridge},
            {"broadcastEnabled", info.broadcast},
            {"portError", 0},
            {"netconfRevision", info.revision},
            {"portDeviceName", NetworkBridge::interface_name(info.id)},
            {"addresses", addresses},
            {"assignedAddresses", addresses},
            {"routes", std::move(routes)},
            {"multicastSubscriptions", std::move(groups)},
            {"dns", {{"domain", info.dns_domain}, {"servers", std::move(servers)}}}};
  if (info.status == vl2::NetworkStatus::AuthenticationRequired) {
    json["authenticationURL"] = info.authentication_url;
  }
  add_settings(json, settings);
  return json;
}

Json frame_counters(const vl2::Counters& counters) {
  return {{"framesIn", counters.frames_in},
          {"framesOut", counters.frames_out},
          {"notJoined", counters.not_joined},
          {"noConfig", counters.no_config},
          {"accessDenied", counters.access_denied},
          {"noCertificate", counters.no_certificate},
          {"revoked", counters.revoked},
          {"filteredIn", counters.filtered_in},
          {"filteredOut", counters.filtered_out},
          {"notOwned", counters.not_owned},
          {"badMac", counters.bad_mac},
          {"noMulticast", counters.no_multicast},
          {"malformed", counters.malformed},
          {"tooBig", counters.too_big},
          {"late", counters.late},
          {"badCredential", counters.bad_credential},
          {"staleCredential", counters.stale_credential},
          {"rateLimited", counters.rate_limited},
          {"badSignature", counters.bad_signature},
          {"badChunk", counters.bad_chunk},
          {"staleConfig", counters.stale_config}};
}

Json network_without_service(NetworkId id, const vl2::LocalSettings& settings) {
  Json json{
      {"id", id.text()},         {"nwid", id.text()},          {"name", ""},
      {"status", "NOT_RUNNING"}, {"addresses", Json::array()}, {"assignedAddresses", Json::array()},
      {"routes", Json::array()}};
  add_settings(json, settings);
  return json;
}

Json peer(const vl1::PeerInfo& info, Now now, bool is_planets_root) {
  Json paths = Json::array();
  for (const vl1::PathInfo& path : info.paths) {
    paths.push_back({{"address", path.remote.protocol_text()},
                     {"lastSend", wall_of(path.last_send, now)},
                     {"lastReceive", wall_of(path.last_receive, now)},
                     {"trustedPathId", 0},
                     {"active", now.time - path.last_receive < vl1::kPathExpiry},
                     {"expired", now.time - path.last_receive >= vl1::kPathExpiry},
                     {"preferred", path.preferred},
                     {"latency", path.latency_ms},
                     {"localSocket", path.socket}});
  }
  return {{"address", info.address.text()},
          {"versionMajor", info.version_major},
          {"versionMinor", info.version_minor},
          {"versionRev", info.version_revision},
          {"version",
           fmt::format("{}.{}.{}", info.version_major, info.version_minor, info.version_revision)},
          {"protocol", info.protocol},
          {"latency", info.latency_ms},
          {"role", !info.is_root     ? "LEAF"
                   : is_planets_root ? "PLANET"
                                     : "MOON"},
          {"isBonded", false},
          {"tunneled", false},
          {"paths", std::move(paths)}};
}

Json physical(const host::Physical& physical) {
  const host::UdpPorts& ports = physical.ports();
  const host::UdpPorts::Counters counters = ports.counters();
  return {{"datagramsIn", counters.datagrams_in},
          {"datagramsOut", counters.datagrams_out},
          {"receiveCalls", counters.receive_calls},
          {"sendCalls", counters.send_calls},
          {"droppedFull", counters.dropped_full},
          {"droppedError", counters.dropped_error},
          {"droppedSocket", counters.dropped_socket},
          {"receiveBuffer", ports.receive_buffer()},
          {"segmentation", ports.uses_segmentation()},
          {"primaryPort", physical.chosen_ports().primary},
          {"secondaryPort", physical.chosen_ports().secondary},
          {"tertiaryPort", physical.chosen_ports().tertiary},
          {"mapped", texts_of(physical.mapped_endpoints())}};
}

Json socket(const sockets::SocketInfo& info) {
  return {{"id", to_hex(static_cast<std::uint64_t>(info.id), 16)},
          {"family", info.kind.domain == AF_INET6 ? "inet6" : "inet"},
          {"type", info.kind.type == SOCK_DGRAM ? "dgram" : "stream"},
          {"state", info.state},
          {"local", info.local ? info.local.text() : ""},
          {"peer", info.peer ? info.peer.text() : ""},
          {"unread", info.unread},
          {"unsentBytes", info.unsent_bytes},
          {"pid", info.owner_pid},
          {"program", program_of(info.owner_pid)}};
}

Json node(Node& node, Now now, const Surroundings& around, Json networks) {
  const vl1::Vl1& vl1 = node.vl1();
  Json json = node_base(vl1.identity(), vl1.is_online(now.time), around, std::move(networks));
  json["running"] = true;
  json["clock"] = now.wall_ms;
  if (vl1.planet()) {
    json["planetWorldId"] = vl1.planet()->id;
    json["planetWorldTimestamp"] = vl1.planet()->timestamp;
  }
  const vl1::Counters& low = vl1.counters();
  json["counters"] = {{"datagramsIn", low.datagrams_in},
                      {"packetsOpened", low.packets_opened},
                      {"packetsSent", low.packets_sent},
                      {"relayed", low.relayed},
                      {"malformed", low.malformed},
                      {"notAuthentic", low.not_authentic},
                      {"unexpectedOk", low.unexpected_ok},
                      {"rateLimited", low.rate_limited},
                      {"hopLimit", low.hop_limit},
                      {"notRelayed", low.not_relayed},
                      {"invalidIdentity", low.invalid_identity},
                      {"unknownVerb", low.unknown_verb},
                      {"identityCollision", low.identity_collision},
                      {"queueOverflow", low.queue_overflow}};
  // Of all networks, and of packets that belong to none of ours; each network has its own beside.
  json["frameCounters"] = frame_counters(node.vl2().counters());
  return json;
}

Json idle_node(const Identity& identity, const Surroundings& around, Json networks) {
  Json json = node_base(identity, false, around, std::move(networks));
  json["running"] = false;
  return json;
}

}  // namespace ztshim::status
