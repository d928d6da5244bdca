#include "shim/interfaces.h"

#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netpacket/packet.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "shim/pages.h"
#include "shim/settings.h"
#include "shim/wait.h"

namespace ztshim {
namespace {

constinit std::atomic<bool> has_waited{false};

// A node of the list with everything it points to.
struct Entry {
  ifaddrs head;
  // Of the list's first node alone: how free_merged() knows it, and what is to be freed. libc's
  // nodes are followed by an address here, which is never their own.
  const Entry* self;
  Entry* block;
  ifaddrs* host;
  char name[IFNAMSIZ];
  sockaddr_storage address, netmask, broadcast;
  rtnl_link_stats statistics;
};

template <typename Address>
sockaddr* put(sockaddr_storage& to, const Address& from) {
  static_assert(sizeof from <= sizeof to);
  std::memcpy(&to, &from, sizeof from);
  return reinterpret_cast<sockaddr*>(&to);
}

sockaddr* put_ip(sockaddr_storage& to, const IpAddress& ip, std::uint32_t scope) {
  Endpoint{ip, 0, ip.is_v6() && ip.is_link_local() ? scope : 0}.to_sockaddr(to);
  return reinterpret_cast<sockaddr*>(&to);
}

void begin(Entry& entry, const InterfaceRecord& interface) {
  std::memcpy(entry.name, interface.name.data(), std::min(interface.name.size(), IFNAMSIZ - 1UL));
  entry.head.ifa_name = entry.name;
  entry.head.ifa_flags = interface.flags;
}

void describe_link(Entry& entry, const InterfaceRecord& interface) {
  begin(entry, interface);
  sockaddr_ll link{};
  link.sll_family = AF_PACKET;
  link.sll_ifindex = static_cast<int>(interface.index);
  link.sll_hatype = ARPHRD_ETHER;
  link.sll_halen = 6;
  for (unsigned i = 0; i < 6; ++i) {
    link.sll_addr[i] = static_cast<unsigned char>(interface.mac >> (40 - 8 * i));
  }
  entry.head.ifa_addr = put(entry.address, link);
  std::memset(link.sll_addr, 0xff, 6);
  entry.head.ifa_broadaddr = put(entry.broadcast, link);
  entry.head.ifa_data = &entry.statistics;  // programs read it without asking
}

void describe_address(Entry& entry, const InterfaceRecord& interface, const IpPrefix& address) {
  begin(entry, interface);
  entry.head.ifa_addr = put_ip(entry.address, address.ip, interface.index);
  entry.head.ifa_netmask = put_ip(entry.netmask, address.netmask(), 0);
  if (const auto broadcast = address.broadcast()) {
    entry.head.ifa_broadaddr = put_ip(entry.broadcast, broadcast, 0);
  }
}

}  // namespace

std::vector<InterfaceRecord> virtual_interfaces() {
  if (mode() != Mode::Virtual) return {};
  const auto ask = [] {
    return ask_for_pages<InterfaceRecord>(
        [](std::uint32_t first) { return rpc::Interfaces{first}; });
  };
  auto pages = ask();
  if (pages.may_become_more && !has_waited.exchange(true)) {
    static_cast<void>(wait_for_networks(false));
    pages = ask();
  }
  return std::move(pages.records);
}

std::optional<InterfaceRecord> virtual_interface(std::string_view name) {
  if (name.substr(0, rpc::kInterfaceNamePrefix.size()) != rpc::kInterfaceNamePrefix) return {};
  for (InterfaceRecord& interface : virtual_interfaces()) {
    if (interface.name == name) return std::move(interface);
  }
  return std::nullopt;
}

std::optional<InterfaceRecord> virtual_interface(std::uint32_t index) {
  if (index < rpc::kFirstInterfaceIndex) return std::nullopt;
  for (InterfaceRecord& interface : virtual_interfaces()) {
    if (interface.index == index) return std::move(interface);
  }
  return std::nullopt;
}

ifaddrs* merge_interfaces(ifaddrs* host, const std::vector<InterfaceRecord>& ours) noexcept {
  std::size_t count = 1;  // in front: a copy of the host's first one
  for (const InterfaceRecord& interface : ours) count += 1 + interface.addresses.size();
  auto* const block = static_cast<Entry*>(std::calloc(count, sizeof(Entry)));
  if (block == nullptr) return nullptr;
  // Links first and then addresses, as the kernel tells them.
  Entry* next = block + 1;
  for (const InterfaceRecord& interface : ours) describe_link(*next++, interface);
  for (const InterfaceRecord& interface : ours) {
    for (const IpPrefix& address : interface.addresses) {
      describe_address(*next++, interface, address);
    }
  }
  for (Entry* at = block + 1; at + 1 < next; ++at) at->head.ifa_next = &(at + 1)->head;
  ifaddrs* const appended = count > 1 ? &block[1].head : nullptr;
  Entry* first = block;
  if (host == nullptr) {
    if (appended == nullptr) {
      std::free(block);
      return nullptr;
    }
    first = block + 1;
  } else {
    first->head = *host;
    ifaddrs* last = host;
    while (last->ifa_next != nullptr) last = last->ifa_next;
    (last == host ? &first->head : last)->ifa_next = appended;
  }
  first->self = first;
  first->block = block;
  first->host = host;
  return &first->head;
}

bool free_merged(ifaddrs* list, void (*free_host)(ifaddrs*)) noexcept {
  auto* const first = reinterpret_cast<Entry*>(list);
  if (list == nullptr || first->self != first) return false;
  if (first->host != nullptr) free_host(first->host);
  std::free(first->block);
  return true;
}

}  // namespace ztshim
