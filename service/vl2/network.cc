#include "service/vl2/network.h"

#include <algorithm>

#include "service/vl2/constants.h"
#include "service/vl2/managed.h"
#include "service/wire/managed_ip.h"
#include "service/wire/messages/network_credentials.h"
#include "service/wire/packet.h"

namespace ztshim::vl2 {

namespace {
constexpr MulticastGroup kAllIpv4Hosts{MacAddress(0x01005e000001), 0};
constexpr MulticastGroup kAllIpv6Nodes{MacAddress(0x333300000001), 0};
}  // namespace

std::string_view name_of(NetworkStatus status) {
  switch (status) {
    case NetworkStatus::RequestingConfiguration:
      return "REQUESTING_CONFIGURATION";
    case NetworkStatus::Ok:
      return "OK";
    case NetworkStatus::AccessDenied:
      return "ACCESS_DENIED";
    case NetworkStatus::NotFound:
      return "NOT_FOUND";
    case NetworkStatus::PortError:
      return "PORT_ERROR";
    case NetworkStatus::ClientTooOld:
      return "CLIENT_TOO_OLD";
    case NetworkStatus::AuthenticationRequired:
      return "AUTHENTICATION_REQUIRED";
  }
  return "unknown";
}

Network::Network(NetworkId id, Address own, LocalSettings settings)
    : id_(id), own_(own), mac_(MacAddress::of_member(own, id)), settings_(std::move(settings)) {}

NetworkStatus Network::status() const {
  if (failure_) return *failure_;
  return config_ ? NetworkStatus::Ok : NetworkStatus::RequestingConfiguration;
}

NetworkInfo Network::info() const {
  NetworkInfo info;
  info.id = id_;
  info.status = status();
  info.reason = reason();
  if (info.status == NetworkStatus::AuthenticationRequired) {
    info.authentication_url = authentication_url;
  }
  info.mac = mac_;
  info.subscriptions.assign(groups_.begin(), groups_.end());
  if (!config_) return info;
  info.name = config_->name;
  info.is_private = !config_->is_public;
  info.mtu = config_->mtu;
  info.broadcast = config_->has_broadcast();
  info.bridge = is_active_bridge();
  info.revision = config_->revision;
  info.addresses = effective_.addresses;
  info.routes = routes_;
  info.dns_domain = effective_.dns_domain;
  info.dns_servers = effective_.dns_servers;
  info.effective = effective_;
  return info;
}

std::string Network::reason() const {
  const std::string at_controller = "controller " + controller().text();
  switch (status()) {
    case NetworkStatus::Ok:
      return {};
    case NetworkStatus::RequestingConfiguration:
      if (id_.is_ad_hoc()) return "no form of ad-hoc network is written like this";
      return at_controller + " has not answered yet";
    case NetworkStatus::AccessDenied:
      return "node " + own_.text() + " is not authorised: ask the administrator of network " +
             id_.text() + " to authorise it at " + at_controller;
    case NetworkStatus::NotFound:
      if (id_.is_ad_hoc()) return "the last port of its range is below the first";
      if (controller().is_reserved()) return "no node can have the address of its controller";
      return at_controller + " has no such network, or is no controller";
    case NetworkStatus::PortError:
      return "its virtual interface could not be made";
    case NetworkStatus::ClientTooOld:
      return "its controller asks for a newer version";
    case NetworkStatus::AuthenticationRequired:
      if (authentication_url.empty()) return "its controller asks for a login, and names no page";
      return "its controller asks for a login at " + authentication_url;
  }
  return {};
}

Network::Applied Network::apply(Time now, NetworkConfig config, bool from_controller) {
  if (config.network != id_ || config.issued_to != own_) return Applied::Foreign;
  // The protocol asks for no order in time. But signed chunks may come from anybody, so what the
  // controller said long ago must not be played back to us by others.
  if (config_ && config.timestamp < config_->timestamp && !from_controller) return Applied::Stale;
  const bool is_same = config_ && config == *config_;
  // What we hold already proves nothing about today, unless the controller itself says it again.
  if (!is_same || from_controller) failure_.reset();
  if (is_same) return Applied::Same;
  config_ = std::move(config);
  ++config_generation_;
  last_config_ = now;
  write_credential_packets();
  admit_managed();
  return Applied::Replaced;
}

bool Network::may_pass_on(Time now) {
  if (now - pass_on_since_ >= kPassOnPeriod) {
    pass_on_since_ = now;
    passed_on_ = 0;
  }
  return ++passed_on_ <= kMaxChunks;
}

void Network::set_settings(LocalSettings settings) {
  settings_ = std::move(settings);
  admit_managed();
}

void Network::admit_managed() {
  if (!config_) return;
  effective_ = effective_settings(settings_, *config_);
  routes_ = admitted_routes(settings_, *config_);
}

// One packet wherever possible, because receivers look at one per second and sender (vl2 15.7).
void Network::write_credential_packets() {
  constexpr std::size_t kRoom = kMaxSendablePacketSize - kPacketHeaderSize;
  credential_packets_.clear();
  NetworkCredentials all;
  if (config_->membership) all.memberships = {*config_->membership};
  all.capabilities = config_->capabilities;
  all.tags = config_->tags;
  all.ownerships = config_->ownerships;
  if (all.memberships.empty() && all.capabilities.empty() && all.tags.empty() &&
      all.ownerships.empty()) {
    return;
  }
  const auto write = [this](const NetworkCredentials& credentials) {
    Bytes payload;
    Writer out(payload);
    credentials.write(out);
    if (payload.size() > kRoom) return false;
    credential_packets_.push_back(std::move(payload));
    return true;
  };
  if (write(all)) return;
  // Everything but the capabilities fits (128 tags are 17 KB, so those are divided, too); then what
  // fits at a time. A capability of 64 rules and 7 links is 2.1 KB.
  constexpr std::size_t kTagsPerPacket = 48;
  constexpr std::size_t kCapabilitiesPerPacket = 4;
  NetworkCredentials first;
  first.memberships = all.memberships;
  first.ownerships = all.ownerships;
  write(first);
  for (std::size_t i = 0; i < all.tags.size(); i += kTagsPerPacket) {
    NetworkCredentials part;
    const std::size_t end = std::min(all.tags.size(), i + kTagsPerPacket);
    for (std::size_t k = i; k < end; ++k) part.tags.push_back(all.tags[k]);
    write(part);
  }
  for (std::size_t i = 0; i < all.capabilities.size(); i += kCapabilitiesPerPacket) {
    NetworkCredentials part;
    const std::size_t end = std::min(all.capabilities.size(), i + kCapabilitiesPerPacket);
    for (std::size_t k = i; k < end; ++k) part.capabilities.push_back(all.capabilities[k]);
    write(part);
  }
}

bool Network::is_virtual(const IpAddress& ip) const {
  return std::any_of(effective_.addresses.begin(), effective_.addresses.end(),
                     [&](const IpPrefix& address) { return address.contains(ip); });
}

Member* Network::find(Address address) {
  const auto found = members_.find(address);
  return found == members_.end() ? nullptr : &found->second;
}

Member* Network::member(Time now, Address address) {
  const auto found = members_.find(address);
  if (found != members_.end()) {
    found->second.last_used = now;
    return &found->second;
  }
  if (members_.size() >= kMaxMembers || address.is_reserved()) return nullptr;
  Member& made = members_[address];
  made.last_used = now;
  return &made;
}

bool Network::admits(Time now, const Identity& peer) {
  if (!config_) return false;
  if (config_->is_public) return member(now, peer.address()) != nullptr;
  Member* member = find(peer.address());
  if (member == nullptr) return false;
  member->last_used = now;
  Member::Admission& last = member->admission;
  const auto key = peer.public_key();
  const bool known = last.config == config_generation_ &&
                     last.credentials == member->credentials.generation() &&
                     std::equal(key.begin(), key.end(), last.key.begin());
  if (!known) {
    last.config = config_generation_;
    last.credentials = member->credentials.generation();
    std::copy(key.begin(), key.end(), last.key.begin());
    last.admitted = member->credentials.is_member(*config_, peer);
  }
  return last.admitted;
}

bool Network::is_revoked(Address address) const {
  if (!config_ || config_->is_public) return false;
  const auto found = members_.find(address);
  return found != members_.end() && found->second.credentials.is_revoked();
}

void Network::forget_idle_members(Time now) {
  if (members_.size() < kMaxMembers / 2) return;
  std::erase_if(members_, [now](const auto& entry) {
    const bool was_revoked = entry.second.credentials.has_revocations();
    return now - entry.second.last_used >= (was_revoked ? kForgetRevoked : kForgetMember);
  });
}

bool Network::listens_to(const MulticastGroup& group) const {
  if (group != MulticastGroup::plain_broadcast()) return groups_.count(group) != 0;
  return std::find(host_groups_.begin(), host_groups_.end(), group) != host_groups_.end() ||
         bridged_groups_.count(group) != 0;
}

std::vector<MulticastGroup> Network::set_host_groups(std::vector<MulticastGroup> groups) {
  host_groups_ = std::move(groups);
  return refresh_groups();
}

std::vector<MulticastGroup> Network::learn_bridged_group(Time now, const MulticastGroup& group) {
  const auto known = bridged_groups_.find(group);
  if (known != bridged_groups_.end()) {
    known->second = now;
    return {};
  }
  if (bridged_groups_.size() >= kMaxBridgedGroups) return {};
  bridged_groups_[group] = now;
  return refresh_groups();
}

void Network::expire_bridged_groups(Time now) {
  const auto expired = std::erase_if(bridged_groups_, [now](const auto& entry) {
    return now - entry.second >= kBridgedGroupExpiry;
  });
  if (expired != 0) refresh_groups();
}

std::vector<MulticastGroup> Network::refresh_groups() {
  std::set<MulticastGroup> groups(host_groups_.begin(), host_groups_.end());
  for (const auto& [group, since] : bridged_groups_) groups.insert(group);
  if (config_) {
    for (const IpPrefix& address : effective_.addresses) {
      groups.insert(MulticastGroup::for_resolving(address.ip));
      // Every host listens to "all hosts"; no stack has to say so.
      if (!address.ip.is_v6()) groups.insert(kAllIpv4Hosts);
    }
    // The interface's own link-local address, once there is an interface.
    if (!effective_.addresses.empty()) {
      groups.insert(MulticastGroup::for_resolving(link_local_address(mac_).ip));
      groups.insert(kAllIpv6Nodes);
    }
    if (config_->has_broadcast()) groups.insert(MulticastGroup::plain_broadcast());
  }
  std::vector<MulticastGroup> fresh;
  std::set_difference(groups.begin(), groups.end(), groups_.begin(), groups_.end(),
                      std::back_inserter(fresh));
  groups_ = std::move(groups);
  return fresh;
}

void Network::learn_route(MacAddress host, Address bridge) {
  const auto known = bridge_routes_.find(host);
  if (known != bridge_routes_.end()) {
    known->second = bridge;
    return;
  }
  if (bridge_routes_.size() >= kMaxBridgeRoutes) drop_routes_of_busiest_bridge();
  bridge_routes_[host] = bridge;
}

Address Network::bridge_of(MacAddress host) const {
  const auto found = bridge_routes_.find(host);
  return found == bridge_routes_.end() ? Address() : found->second;
}

void Network::drop_routes_of_busiest_bridge() {
  std::map<Address, std::size_t> counts;
  for (const auto& [host, bridge] : bridge_routes_) ++counts[bridge];
  const auto busiest =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  std::erase_if(bridge_routes_, [&](const auto& entry) { return entry.second == busiest->first; });
}

}  // namespace ztshim::vl2
