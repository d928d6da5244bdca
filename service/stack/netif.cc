#include "service/stack/netif.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "common/log.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/icmp6.h"
#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/nd6.h"
#include "lwip/pbuf.h"
#include "lwip/prot/icmp.h"
#include "lwip/prot/ip.h"
#include "netif/ethernet.h"
#include "service/stack/groups.h"
#include "service/stack/icmp.h"
#include "service/stack/icmp_error.h"
#include "service/stack/pcb.h"
#include "service/stack/udp.h"

namespace ztshim::stack {
namespace {

// lwIP numbers netifs with one byte; an interface may have several.
constexpr std::size_t kMaxNetifs = 250;
// A controller assigns a handful; more would only fill lwIP's table.
constexpr std::size_t kMaxAddresses = 16;
constexpr std::size_t kArpSize = 28;
constexpr std::size_t kIpv4HeaderSize = 20;
constexpr std::size_t kIpv6HeaderSize = 40;

std::uint64_t read_mac(const std::uint8_t* from) {
  std::uint64_t mac = 0;
  for (int i = 0; i < 6; ++i) mac = mac << 8 | from[i];
  return mac;
}

err_t send_frame(netif* out, pbuf* p) {
  auto* const interface = static_cast<Interface*>(out->state);
  if (p->next == nullptr) {
    interface->send(ByteView(static_cast<const std::uint8_t*>(p->payload), p->len));
    return ERR_OK;
  }
  // Only fragments of large datagrams come in pieces.
  Bytes whole(p->tot_len);
  pbuf_copy_partial(p, whole.data(), p->tot_len, 0);
  interface->send(whole);
  return ERR_OK;
}

// Packets from the loopback's addresses never leave for a network: no neighbour is asked for.
err_t output_v4(netif* out, pbuf* p, const ip4_addr_t* to) {
  const auto* const header = static_cast<const ip_hdr*>(p->payload);
  if (ip4_addr_isloopback(&header->src)) return ERR_RTE;
  return etharp_output(out, p, to);
}

err_t output_v6(netif* out, pbuf* p, const ip6_addr_t* to) {
  ip6_addr_t from;
  ip6_addr_copy_from_packed(from, static_cast<const ip6_hdr*>(p->payload)->src);
  if (ip6_addr_isloopback(&from)) return ERR_RTE;
  return ethip6_output(out, p, to);
}

err_t init_netif(netif* added) {
  added->name[0] = 'z';
  added->name[1] = 't';
  added->output = output_v4;
  added->output_ip6 = output_v6;
  added->linkoutput = send_frame;
  added->hwaddr_len = ETH_HWADDR_LEN;
  added->flags =
      NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

// Packets to 127/8 and ::1 go round inside lwIP; whatever else would leave here goes nowhere.
err_t drop_v4(netif*, pbuf*, const ip4_addr_t*) { return ERR_RTE; }
err_t drop_v6(netif*, pbuf*, const ip6_addr_t*) { return ERR_RTE; }

err_t init_loopback(netif* added) {
  added->name[0] = 'l';
  added->name[1] = 'o';
  added->output = drop_v4;
  added->output_ip6 = drop_v6;
  added->flags = NETIF_FLAG_LINK_UP;
  // Both ends are this process. Of ICMP the other end may be an application, which looks.
  NETIF_SET_CHECKSUM_CTRL(added, NETIF_CHECKSUM_GEN_ICMP | NETIF_CHECKSUM_CHECK_ICMP |
                                     NETIF_CHECKSUM_GEN_ICMP6 | NETIF_CHECKSUM_CHECK_ICMP6);
  return ERR_OK;
}

// The mark under which connections end because their address goes.
struct RemovingAddress {
  RemovingAddress() { glue.removing_address = true; }
  ~RemovingAddress() { glue.removing_address = false; }
};

// The group in which a host is asked for this address of its own (RFC 4291 2.7.1).
IpAddress solicited_node(const IpAddress& own) {
  std::array<std::uint8_t, 16> group{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  const ByteView bytes = own.bytes();
  std::copy(bytes.end() - 3, bytes.end(), group.end() - 3);
  return IpAddress::v6(group);
}

IpAddress netif_ip(const netif& n) { return from_lwip(*netif_ip4_addr(&n)); }

}  // namespace

Interface::~Interface() {
  const RemovingAddress mark;
  for (const auto& n : netifs_) {
    netif_remove(n.get());
    while (n->loop_first != nullptr) {  // packets to ourselves that never arrived
      pbuf* const p = std::exchange(n->loop_first, n->loop_first->next);
      p->next = nullptr;
      pbuf_free(p);
    }
  }
}

netif* Interface::add_netif(const IpPrefix& address) {
  auto added = std::make_unique<netif>();
  std::memset(static_cast<void*>(added.get()), 0, sizeof *added);
  const ip4_addr_t ip = to_lwip4(address.ip), mask = to_lwip4(address.netmask()), none = {0};
  const netif_init_fn init = is_loopback() ? init_loopback : init_netif;
  if (netif_add(added.get(), &ip, &mask, &none, this, init, ethernet_input) == nullptr) {
    return nullptr;
  }
  // The two addresses of a /31 are both hosts' (RFC 3021).
  if (address.bits >= 31) added->flags &= static_cast<u8_t>(~NETIF_FLAG_BROADCAST);
  describe(*added);
  netif_set_up(added.get());
  netifs_.push_back(std::move(added));
  return netifs_.back().get();
}

void Interface::configure(const InterfaceConfig& config) {
  std::vector<IpPrefix> v4, v6;
  for (const IpPrefix& address : config.addresses) {
    std::vector<IpPrefix>& list = address.ip.is_v4() ? v4 : v6;
    if (list.size() < kMaxAddresses) list.push_back(address);
  }
  config_ = config;
  if (netifs_.empty() && add_netif(IpPrefix{}) == nullptr) return;
  for (const auto& n : netifs_) describe(*n);  // before an address is announced with it
  set_ipv4(v4);
  set_ipv6(v6);
}

void Interface::describe(netif& n) const {
  const unsigned most = is_loopback() ? 65535 : 10000;
  n.mtu = static_cast<u16_t>(std::clamp(config_.mtu, 1280u, most));
  for (unsigned i = 0; i < 6; ++i) n.hwaddr[i] = static_cast<u8_t>(config_.mac >> (40 - 8 * i));
}

// Addresses that stay keep their netif, and with it their connections.
void Interface::set_ipv4(const std::vector<IpPrefix>& addresses) {
  const auto is_wanted = [&](const netif& n) {
    return std::any_of(addresses.begin(), addresses.end(),
                       [&](const IpPrefix& a) { return a.ip == netif_ip(n); });
  };
  {
    const RemovingAddress mark;
    for (std::size_t i = netifs_.size(); i-- > 0;) {
      netif* const n = netifs_[i].get();
      if (ip4_addr_isany_val(*netif_ip4_addr(n)) || is_wanted(*n)) continue;
      if (i == 0) {
        netif_set_addr(n, nullptr, nullptr, nullptr);
      } else {
        netif_remove(n);
        netifs_.erase(netifs_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }
  for (const IpPrefix& address : addresses) {
    netif* const n = netif_for(address.ip);
    const ip4_addr_t ip = to_lwip4(address.ip), mask = to_lwip4(address.netmask()), none = {0};
    if (n != nullptr && netif_ip(*n) == address.ip) {
      netif_set_netmask(n, &mask);
    } else if (ip4_addr_isany_val(*netif_ip4_addr(netifs_[0].get()))) {
      netif_set_addr(netifs_[0].get(), &ip, &mask, &none);
      if (address.bits >= 31) netifs_[0]->flags &= static_cast<u8_t>(~NETIF_FLAG_BROADCAST);
    } else if (add_netif(address) == nullptr) {
      log(LogArea::Stack, LogLevel::Warn, "net={} cannot take address {}", config_.name,
          address.text());
    }
  }
}

void Interface::set_ipv6(const std::vector<IpPrefix>& addresses) {
  netif* const n = netifs_[0].get();
  // Also where the network gives no IPv6 addresses: hosts find each other by these (vl2 1.3).
  if (!is_loopback() && ip6_addr_isinvalid(netif_ip6_addr_state(n, 0))) {
    netif_create_ip6_linklocal_address(n, 1);
    netif_ip6_addr_set_state(n, 0, IP6_ADDR_PREFERRED);
  }
  {
    const RemovingAddress mark;
    for (s8_t i = 1; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
      if (ip6_addr_isinvalid(netif_ip6_addr_state(n, i))) continue;
      const IpAddress ip = from_lwip(*netif_ip6_addr(n, i));
      const bool is_wanted = std::any_of(addresses.begin(), addresses.end(),
                                         [&](const IpPrefix& a) { return a.ip == ip; });
      if (!is_wanted) netif_ip6_addr_set_state(n, i, IP6_ADDR_INVALID);
    }
  }
  for (const IpPrefix& address : addresses) {
    const ip_addr_t ip = to_lwip(address.ip);
    s8_t index = -1;
    if (netif_get_ip6_addr_match(n, ip_2_ip6(&ip)) >= 0) continue;
    if (netif_add_ip6_address(n, ip_2_ip6(&ip), &index) != ERR_OK || index < 0) {
      log(LogArea::Stack, LogLevel::Warn, "net={} cannot take address {}", config_.name,
          address.text());
      continue;
    }
    netif_ip6_addr_set_state(n, index, IP6_ADDR_PREFERRED);
  }
}

void Interface::send(ByteView frame) {
  if (frame.size() < SIZEOF_ETH_HDR) return;
  OutgoingFrame out;
  out.interface = id_;
  out.destination = read_mac(frame.data());
  out.source = read_mac(frame.data() + 6);
  out.ether_type = static_cast<std::uint16_t>(frame[12] << 8 | frame[13]);
  out.payload = frame.subspan(SIZEOF_ETH_HDR);
  output_(out);
}

void Interface::input(std::uint64_t destination, std::uint64_t, std::uint16_t ether_type,
                      ByteView payload) {
  if (netifs_.empty() || is_loopback() || payload.size() > 0xffff) return;
  const bool is_group = (destination >> 40 & 1) != 0;
  if (!is_group && destination != config_.mac) return;
  if (ether_type == ETHTYPE_ARP) return input_arp(payload);
  if (ether_type == ETHTYPE_IP) return input_ip(destination, payload, false);
  if (ether_type == ETHTYPE_IPV6) return input_ip(destination, payload, true);
}

namespace {

pbuf* copy_to_pbuf(ByteView payload) {
  pbuf* const p = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(payload.size()), PBUF_RAM);
  if (p != nullptr) std::memcpy(p->payload, payload.data(), payload.size());
  return p;
}

// Router advertisements and redirects: the controller alone says where packets go.
bool is_router_talk(ByteView packet) {
  return packet.size() > kIpv6HeaderSize && packet[6] == IP6_NEXTH_ICMP6 &&
         (packet[kIpv6HeaderSize] == ICMP6_TYPE_RA || packet[kIpv6HeaderSize] == ICMP6_TYPE_RD);
}

bool is_echo_request(ByteView packet) {
  const std::size_t header = (packet[0] & 0x0fU) * 4;
  return packet[9] == IP_PROTO_ICMP && packet.size() > header && packet[header] == ICMP_ECHO;
}

}  // namespace

void Interface::input_arp(ByteView payload) {
  if (payload.size() < kArpSize) return;
  netif* const n = netif_for(IpAddress::v4(payload.subspan(24, 4)));
  pbuf* const p = copy_to_pbuf(payload.first(kArpSize));
  if (p == nullptr) return;
  p->if_idx = netif_get_index(n);
  etharp_input(p, n);
}

// Strictly by interface: a packet for an address of another network, for loopback, or from one of
// our own addresses is nobody's but a forger's.
void Interface::input_ip(std::uint64_t destination, ByteView payload, bool is_v6) {
  if (payload.size() < (is_v6 ? kIpv6HeaderSize : kIpv4HeaderSize)) return;
  const auto address = [&](std::size_t v4_offset, std::size_t v6_offset) {
    return is_v6 ? IpAddress::v6(payload.subspan(v6_offset, 16))
                 : IpAddress::v4(payload.subspan(v4_offset, 4));
  };
  const IpAddress from = address(12, 8), to = address(16, 24);
  if (from.is_loopback() || from.is_multicast() || owns(from)) return;
  const bool is_group = (destination >> 40 & 1) != 0;
  if (!owns(to) && !(is_group && !to.is_loopback())) {
    // Neighbour discovery and replies to our link-local address.
    if (!(is_v6 && (to.is_link_local() || to.is_multicast()))) return;
  }
  if (to.is_multicast() && !takes_group(to)) return;
  if (is_v6 && is_router_talk(payload)) return;
  // Linux answers pings to a group over IPv6 alone (icmp_echo_ignore_broadcasts).
  if (!is_v6 && is_group && is_echo_request(payload)) return;
  if (const auto error = is_group ? std::nullopt : parse_icmp_error(payload, is_v6)) {
    // lwIP would believe anybody who says that packets are too big.
    if (!owns(error->local.ip) && error->local.ip != link_local()) return;
    if (error->protocol == IP_PROTO_ICMP || error->protocol == IP6_NEXTH_ICMP6) {
      if (glue.icmp == nullptr || !glue.icmp->on_icmp_error(*error, id_)) return;
    } else if (error->protocol == IP_PROTO_UDP) {
      if (glue.udp == nullptr || !glue.udp->on_icmp_error(*error, id_)) return;
    } else if (!note_icmp_error(*error)) {
      return;
    }
  }
  // By the first one: pcbs that stay on an interface are known by its number, and lwIP finds the
  // netif with the address by itself. But ICMP is answered by the netif it came to.
  const bool is_icmp = !is_v6 && payload[9] == IP_PROTO_ICMP;
  netif* const n = netif_for(is_icmp ? to : IpAddress{});
  const auto give_to_lwip = [&] {
    pbuf* const p = copy_to_pbuf(payload);
    if (p == nullptr) return;
    p->if_idx = netif_get_index(n);
    if (is_group) p->flags |= destination == 0xffffffffffff ? PBUF_FLAG_LLBCAST : PBUF_FLAG_LLMCAST;
    if (is_v6) {
      ip6_input(p, n);
    } else {
      ip4_input(p, n);
    }
  };
  glue.made_room = false;
  give_to_lwip();
  // Its sender would repeat the SYN only after a second.
  if (glue.made_room) give_to_lwip();
}

bool Interface::takes_group(const IpAddress& group) const {
  static const IpAddress all_v4 = *IpAddress::parse("224.0.0.1");
  static const IpAddress all_v6 = *IpAddress::parse("ff02::1");
  static const IpAddress all_here = *IpAddress::parse("ff01::1");
  if (group == all_v4 || group == all_v6 || group == all_here) return true;
  if (glue.groups != nullptr && glue.groups->has(id_, group)) return true;
  if (!group.is_v6()) return false;
  const auto is_solicited = [&](const IpAddress& own) {
    return own.is_v6() && solicited_node(own) == group;
  };
  return is_solicited(link_local()) ||
         std::any_of(config_.addresses.begin(), config_.addresses.end(),
                     [&](const IpPrefix& address) { return is_solicited(address.ip); });
}

bool Interface::is_broadcast(const IpAddress& ip) const { return broadcast_netif(ip) != nullptr; }

netif* Interface::broadcast_netif(const IpAddress& ip) const {
  if (!ip.is_v4()) return nullptr;
  const ip4_addr_t address = to_lwip4(ip);
  for (const auto& n : netifs_) {
    if (!ip4_addr_isany_val(*netif_ip4_addr(n.get())) && ip4_addr_isbroadcast(&address, n.get()))
      return n.get();
  }
  return nullptr;
}

bool Interface::owns(const IpAddress& ip) const {
  if (is_loopback()) return ip.is_loopback();
  return std::any_of(config_.addresses.begin(), config_.addresses.end(),
                     [&](const IpPrefix& address) { return address.ip == ip; });
}

IpAddress Interface::link_local() const {
  if (netifs_.empty() || ip6_addr_isinvalid(netif_ip6_addr_state(netifs_[0].get(), 0))) return {};
  return from_lwip(*netif_ip6_addr(netifs_[0].get(), 0));
}

netif* Interface::netif_for(const IpAddress& source) const {
  if (source.is_v4()) {
    for (const auto& n : netifs_) {
      if (netif_ip(*n) == source) return n.get();
    }
  }
  return netifs_.empty() ? nullptr : netifs_[0].get();
}

bool Interface::has(const netif& candidate) const {
  return std::any_of(netifs_.begin(), netifs_.end(),
                     [&](const auto& n) { return n.get() == &candidate; });
}

bool Interface::has_local_packets() const {
  return std::any_of(netifs_.begin(), netifs_.end(),
                     [](const auto& n) { return n->loop_first != nullptr; });
}

void Interface::deliver_local_packets() {
  for (const auto& n : netifs_) netif_poll(n.get());
}

IpAddress Interface::source_for(const IpAddress& next_hop, const IpAddress& destination) const {
  // IPv4 speaks from the subnet the next hop is in; IPv6 prefers likeness to the destination
  // (RFC 6724, rule 8).
  const IpAddress& like = destination.is_v6() ? destination : next_hop;
  const IpPrefix* best = nullptr;
  unsigned best_bits = 0;
  for (const IpPrefix& address : config_.addresses) {
    if (address.ip.family() != like.family()) continue;
    // A subnet the other is in wins over any likeness of bits.
    const unsigned bits = common_prefix_bits(address.ip, like) + (address.contains(like) ? 128 : 0);
    if (best == nullptr || bits > best_bits) {
      best = &address;
      best_bits = bits;
    }
  }
  return best == nullptr ? IpAddress{} : best->ip;
}

IpAddress Interface::source_for_own(const IpAddress& destination) const {
  if (!is_loopback() || !destination.is_v4()) return destination;
  return IpAddress::v4(static_cast<std::uint32_t>(IPADDR_LOOPBACK));
}

void Interfaces::add_loopback() {
  InterfaceConfig config;
  config.name = "lo";
  config.index = 1;
  config.mtu = 65536;  // as Linux has it; one byte less is what lwIP can count
  config.addresses = {*IpPrefix::parse("127.0.0.1/8"), *IpPrefix::parse("::1/128")};
  set(kLoopback, config);
}

bool Interfaces::set(InterfaceId id, const InterfaceConfig& config) {
  std::unique_ptr<Interface>& slot = all_[id];
  if (slot == nullptr) {
    if (all_.size() * 2 > kMaxNetifs) {
      all_.erase(id);
      return false;
    }
    slot = std::make_unique<Interface>(id, output_);
  }
  slot->configure(config);
  nd6_clear_destination_cache();  // routes may have changed
  return true;
}

void Interfaces::remove(InterfaceId id) { all_.erase(id); }

Interface* Interfaces::find(InterfaceId id) const {
  const auto found = all_.find(id);
  return found == all_.end() ? nullptr : found->second.get();
}

Interface* Interfaces::owner_of(const IpAddress& ip) const {
  for (const auto& [id, interface] : all_) {
    if (interface->owns(ip)) return interface.get();
  }
  return nullptr;
}

namespace {

struct Match {
  Interface* interface = nullptr;
  int bits = -1;
  IpAddress next_hop, source;
};

// The best way through one interface.
void match(Interface& interface, const IpAddress& destination, Match& best) {
  for (const IpPrefix& address : interface.config().addresses) {
    if (address.contains(destination) && static_cast<int>(address.bits) > best.bits) {
      best = {&interface, static_cast<int>(address.bits), destination, {}};
    }
  }
  for (const InterfaceRoute& route : interface.config().routes) {
    if (route.target.contains(destination) && static_cast<int>(route.target.bits) > best.bits) {
      best = {&interface, static_cast<int>(route.target.bits), route.via ? route.via : destination,
              interface.owns(route.source) ? route.source : IpAddress{}};
    }
  }
}

}  // namespace

std::optional<Stack::Hop> Interfaces::route(const IpAddress& source,
                                            const IpAddress& destination) const {
  if (const Interface* const own = owner_of(destination))
    return Stack::Hop{own->id(), destination, own->source_for_own(destination)};
  Match best;
  if (source) {
    if (Interface* const owner = owner_of(source)) match(*owner, destination, best);
  }
  for (const auto& [id, interface] : all_) match(*interface, destination, best);
  if (best.interface == nullptr) return std::nullopt;
  const IpAddress from =
      best.source ? best.source : best.interface->source_for(best.next_hop, destination);
  // A managed route without a gateway of our own kind: we would have no address to use.
  if (!from) return std::nullopt;
  return Stack::Hop{best.interface->id(), best.next_hop, from};
}

std::optional<Stack::Hop> Interfaces::route_on(InterfaceId id, const IpAddress& destination) const {
  Interface* const interface = find(id);
  if (interface == nullptr || !destination) return std::nullopt;
  if (interface->owns(destination))
    return Stack::Hop{id, destination, interface->source_for_own(destination)};
  if (destination.is_link_local() || destination.is_multicast()) {
    const IpAddress from = destination.is_v6() ? interface->link_local()
                                               : interface->source_for(destination, destination);
    if (!from) return std::nullopt;
    return Stack::Hop{id, destination, from};
  }
  Match best;
  match(*interface, destination, best);
  if (best.interface == nullptr) return std::nullopt;
  const IpAddress from =
      best.source ? best.source : interface->source_for(best.next_hop, destination);
  if (!from) return std::nullopt;
  return Stack::Hop{id, best.next_hop, from};
}

netif* Interfaces::netif_for(const IpAddress& source, const IpAddress& destination) const {
  if (const Interface* const own = owner_of(destination)) return own->netif_for(destination);
  const auto hop = route(source, destination);
  if (!hop) return nullptr;
  return find(hop->interface)->netif_for(source ? source : hop->source);
}

IpAddress Interfaces::next_hop(const netif& out, const IpAddress& destination) const {
  for (const auto& [id, interface] : all_) {
    if (!interface->has(out)) continue;
    Match best;
    match(*interface, destination, best);
    return best.next_hop;
  }
  return {};
}

}  // namespace ztshim::stack
