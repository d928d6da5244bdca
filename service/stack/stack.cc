#include "service/stack/stack.h"

#include <algorithm>
#include <cstring>

#include "common/log.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "service/stack/groups.h"
#include "service/stack/icmp.h"
#include "service/stack/lwip_glue.h"
#include "service/stack/netif.h"
#include "service/stack/udp.h"

namespace ztshim::stack {
namespace {

// Memory of connections that are over; a kernel keeps about as many. Beyond it the oldest go.
constexpr std::size_t kMaxTimeWait = 4096;

void limit_time_wait() {
  tcp_pcb* at = tcp_tw_pcbs;  // newest first
  for (std::size_t i = 0; at != nullptr && i < kMaxTimeWait; ++i) at = at->next;
  while (at != nullptr) {
    tcp_pcb* const next = at->next;
    tcp_abort(at);  // sends nothing in this state
    at = next;
  }
}

std::uint64_t mac_number(const u8_t* mac) {
  std::uint64_t number = 0;
  for (int i = 0; i < 6; ++i) number = number << 8 | mac[i];
  return number;
}

// Before anything of lwIP is used.
void initialise_lwip() {
  static const bool initialised = [] {
    glue.now = Time{};
    lwip_init();
    return true;
  }();
  static_cast<void>(initialised);
}

}  // namespace

class Stack::Impl {
 public:
  explicit Impl(Output output) : interfaces(std::move(output)) {}
  Interfaces interfaces;
  Icmp icmp{interfaces};
  Udp udp{interfaces};
  Groups groups;
  bool has_time = false;
};

Stack::Stack(std::function<void(const OutgoingFrame&)> output,
             std::function<void(MutableBytes)> random) {
  glue.random = std::move(random);
  initialise_lwip();
  impl_ = std::make_unique<Impl>(std::move(output));
  impl_->interfaces.add_loopback();
  glue.interfaces = &impl_->interfaces;
  glue.icmp = &impl_->icmp;
  glue.udp = &impl_->udp;
  glue.groups = &impl_->groups;
  glue.random(MutableBytes(reinterpret_cast<std::uint8_t*>(glue.sequence_secret),
                           sizeof glue.sequence_secret));
}

Stack::~Stack() {
  // What a next Stack in this process must not find.
  while (tcp_active_pcbs != nullptr) tcp_abandon(tcp_active_pcbs, 0);
  while (tcp_tw_pcbs != nullptr) tcp_abort(tcp_tw_pcbs);
  impl_.reset();
  glue.interfaces = nullptr;
  glue.icmp = nullptr;
  glue.udp = nullptr;
  glue.groups = nullptr;
  glue.random = nullptr;
}

void Stack::set_sequence_secret(ByteView secret) {
  std::memcpy(glue.sequence_secret, secret.data(),
              std::min(secret.size(), sizeof glue.sequence_secret));
}

void Stack::set_time(Time now) {
  if (!impl_->has_time) {
    impl_->has_time = true;
    const auto reached = glue.now.time_since_epoch().count() + glue.clock_offset_ms;
    glue.clock_offset_ms = reached - now.time_since_epoch().count();
  }
  glue.now = now;
}

void Stack::set_interface(InterfaceId id, const InterfaceConfig& config) {
  if (!impl_->interfaces.set(id, config)) {
    log(LogArea::Stack, LogLevel::Error, "net={} ignored: too many networks", config.name);
  }
}

void Stack::remove_interface(InterfaceId id) { impl_->interfaces.remove(id); }

void Stack::input(InterfaceId id, std::uint64_t destination, std::uint64_t source,
                  std::uint16_t ether_type, ByteView payload) {
  Interface* const interface = impl_->interfaces.find(id);
  if (interface != nullptr) interface->input(destination, source, ether_type, payload);
}

void Stack::run_timers() {
  sys_check_timeouts();
  for (const auto& [id, interface] : impl_->interfaces.all()) interface->deliver_local_packets();
  limit_time_wait();
}

Time Stack::next_deadline() const {
  for (const auto& [id, interface] : impl_->interfaces.all()) {
    if (interface->has_local_packets()) return glue.now;
  }
  const u32_t sleep = sys_timeouts_sleeptime();
  return sleep == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? kNever : glue.now + Duration{sleep};
}

std::vector<Stack::InterfaceView> Stack::interfaces() const {
  std::vector<InterfaceView> list;
  for (const auto& [id, interface] : impl_->interfaces.all()) {
    if (interface->is_loopback()) continue;
    list.push_back({id, interface->config(), interface->link_local()});
  }
  return list;
}

std::optional<InterfaceId> Stack::find_interface(std::uint32_t index) const {
  for (const auto& [id, interface] : impl_->interfaces.all()) {
    if (index != 0 && interface->config().index == index && id != kLoopback) return id;
  }
  return std::nullopt;
}

std::optional<InterfaceId> Stack::find_interface(std::string_view name) const {
  for (const auto& [id, interface] : impl_->interfaces.all()) {
    if (interface->config().name == name && id != kLoopback) return id;
  }
  return std::nullopt;
}

std::uint32_t Stack::index_of(InterfaceId id) const {
  const Interface* const interface = impl_->interfaces.find(id);
  return interface == nullptr ? 0 : interface->config().index;
}

std::string Stack::name_of(InterfaceId id) const {
  const Interface* const interface = impl_->interfaces.find(id);
  return interface == nullptr ? std::string() : interface->config().name;
}

bool Stack::is_own_on(InterfaceId id, const IpAddress& ip) const {
  const Interface* const interface = impl_->interfaces.find(id);
  return interface != nullptr && ip && (interface->owns(ip) || interface->link_local() == ip);
}

bool Stack::is_own(const IpAddress& ip) const { return impl_->interfaces.owner_of(ip) != nullptr; }

std::optional<InterfaceId> Stack::owner_of(const IpAddress& ip) const {
  const Interface* const owner = impl_->interfaces.owner_of(ip);
  return owner == nullptr ? std::nullopt : std::optional(owner->id());
}

bool Stack::is_broadcast(const IpAddress& ip) const {
  if (ip.is_v4() && ip.v4_number() == 0xffffffff) return true;
  const auto& all = impl_->interfaces.all();
  return std::any_of(all.begin(), all.end(), [&](const auto& entry) {
    return !entry.second->is_loopback() && entry.second->is_broadcast(ip);
  });
}

std::optional<InterfaceId> Stack::group_interface(IpFamily family) const {
  for (const auto& [id, interface] : impl_->interfaces.all()) {
    if (interface->is_loopback()) continue;
    for (const IpPrefix& address : interface->config().addresses) {
      if (address.ip.family() == family) return id;
    }
  }
  return std::nullopt;
}

IpAddress Stack::source_on(InterfaceId id, const IpAddress& destination) const {
  const Interface* const interface = impl_->interfaces.find(id);
  if (interface == nullptr) return {};
  const bool is_of_link = destination.is_v6() && destination.needs_scope();
  if (is_of_link && interface->link_local()) return interface->link_local();
  const IpAddress found = interface->source_for(destination, destination);
  return found || destination.is_v4() ? found : interface->link_local();
}

bool Stack::takes_group(InterfaceId id, const IpAddress& group) const {
  const Interface* const interface = impl_->interfaces.find(id);
  return interface != nullptr && interface->takes_group(group);
}

unsigned Stack::link_mtu(InterfaceId id) const {
  const Interface* const interface = impl_->interfaces.find(id);
  const netif* const out = interface == nullptr ? nullptr : interface->netif_for({});
  return out == nullptr ? 0 : out->mtu;
}

unsigned Stack::path_mtu(InterfaceId id, const IpAddress& destination) const {
  const unsigned link = link_mtu(id);
  return link == 0 ? 0 : impl_->udp.path_mtus().find(destination, link, glue.now);
}

std::optional<Stack::Hop> Stack::route(const IpAddress& destination,
                                       const IpAddress& source) const {
  return impl_->interfaces.route(source, destination);
}

std::optional<Stack::Hop> Stack::route_on(InterfaceId id, const IpAddress& destination) const {
  return impl_->interfaces.route_on(id, destination);
}

bool Stack::is_neighbour_known(const Hop& hop) const {
  return is_own(hop.next_hop) || is_own_on(hop.interface, hop.next_hop) ||
         neighbour(hop).has_value();
}

std::optional<std::uint64_t> Stack::neighbour(const Hop& hop) const {
  const Interface* const interface = impl_->interfaces.find(hop.interface);
  if (interface == nullptr) return std::nullopt;
  netif* const out = interface->netif_for(hop.source);
  if (hop.next_hop.is_v4()) {
    const ip4_addr_t ip = to_lwip4(hop.next_hop);
    eth_addr* mac = nullptr;
    const ip4_addr_t* found = nullptr;
    if (etharp_find_addr(out, &ip, &mac, &found) < 0) return std::nullopt;
    return mac_number(mac->addr);
  }
  for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; ++i) {
    const nd6_neighbor_cache_entry& entry = neighbor_cache[i];
    if (entry.state > ND6_INCOMPLETE && entry.netif == out &&
        from_lwip(entry.next_hop_address) == hop.next_hop) {
      return mac_number(entry.lladdr);
    }
  }
  return std::nullopt;
}

Udp& Stack::udp() { return impl_->udp; }
Icmp& Stack::icmp() { return impl_->icmp; }
Groups& Stack::groups() { return impl_->groups; }

void Stack::set_echo_listener(std::function<void(const EchoReply&)> listener) {
  impl_->icmp.echo().set_listener(std::move(listener));
}

std::errc Stack::send_echo(const Hop& hop, const EchoRequest& request) {
  return impl_->icmp.echo().send(hop, request);
}

}  // namespace ztshim::stack
