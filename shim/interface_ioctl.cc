#include "shim/interface_ioctl.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "common/real.h"
#include "common/unique_fd.h"
#include "shim/answer.h"
#include "shim/interfaces.h"
#include "shim/no_cancel.h"
#include "shim/socket_swap.h"
#include "shim/user_memory.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

// The kernel's own for Ethernet.
constexpr int kQueueLength = 1000;

int put_ipv4(sockaddr& to, const IpAddress& ip) noexcept {
  sockaddr_storage full{};
  Endpoint{ip, 0}.to_sockaddr(full, AF_INET);
  std::memcpy(&to, &full, sizeof to);
  return 0;
}

const IpPrefix* first_ipv4(const InterfaceRecord& interface) noexcept {
  for (const IpPrefix& address : interface.addresses) {
    if (address.ip.is_v4()) return &address;
  }
  return nullptr;
}

// One of the requests that want the interface's first IPv4 address.
int tell_address(unsigned long request, const InterfaceRecord& interface, ifreq& to) noexcept {
  const IpPrefix* const address = first_ipv4(interface);
  if (address == nullptr) return fail(std::errc::address_not_available);
  switch (request) {
    case SIOCGIFNETMASK:
      return put_ipv4(to.ifr_netmask, address->netmask());
    case SIOCGIFBRDADDR: {
      const IpAddress broadcast = address->broadcast();
      return put_ipv4(to.ifr_broadaddr, broadcast ? broadcast : IpAddress::v4(std::uint32_t{0}));
    }
    default:  // the address, or that of the other end, which is the same here
      return put_ipv4(to.ifr_addr, address->ip);
  }
}

int tell(unsigned long request, const InterfaceRecord& interface, ifreq& to) noexcept {
  switch (request) {
    case SIOCGIFFLAGS:
      to.ifr_flags = static_cast<short>(interface.flags);
      return 0;
    case SIOCGIFINDEX:
      to.ifr_ifindex = static_cast<int>(interface.index);
      return 0;
    case SIOCGIFMTU:
      to.ifr_mtu = static_cast<int>(interface.mtu);
      return 0;
    case SIOCGIFMETRIC:
      to.ifr_metric = 0;
      return 0;
    case SIOCGIFTXQLEN:
      to.ifr_qlen = kQueueLength;
      return 0;
    case SIOCGIFHWADDR:
      to.ifr_hwaddr = {};
      to.ifr_hwaddr.sa_family = ARPHRD_ETHER;
      for (unsigned i = 0; i < 6; ++i) {
        to.ifr_hwaddr.sa_data[i] = static_cast<char>(interface.mac >> (40 - 8 * i));
      }
      return 0;
    default:
      return tell_address(request, interface, to);
  }
}

// SIOCGIFCONF: the kernel has put its IPv4 addresses there; ours follow, as many as fit into `room`
// bytes. Without a buffer the answer is how much there would be.
void append_addresses(ifconf& list, std::size_t room) {
  auto used = static_cast<std::size_t>(list.ifc_len);
  for (const InterfaceRecord& interface : virtual_interfaces()) {
    for (const IpPrefix& address : interface.addresses) {
      if (!address.ip.is_v4()) continue;
      if (list.ifc_buf != nullptr) {
        if (used + sizeof(ifreq) > room) break;
        ifreq one{};
        std::memcpy(one.ifr_name, interface.name.data(), interface.name.size());
        put_ipv4(one.ifr_addr, address.ip);
        std::memcpy(list.ifc_buf + used, &one, sizeof one);
      }
      used += sizeof(ifreq);
    }
  }
  list.ifc_len = static_cast<int>(used);
}

// The kernel's answer. A virtual socket is of another family to the kernel, which decides about
// most requests: an ordinary one of the right family speaks for it.
int ask_kernel(int fd, unsigned long request, void* argument) noexcept {
  const auto name = virtual_socket(fd);
  if (!name) return real().ioctl(fd, request, argument);
  const auto domain = domain_of(*name);
  const UniqueFd speaker(real().socket(domain ? *domain : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return real().ioctl(speaker ? speaker.get() : fd, request, argument);
}

int configuration(int fd, ifconf* list) {
  const std::size_t room =
      is_bad_pointer(list) || list->ifc_len < 0 ? 0 : static_cast<std::size_t>(list->ifc_len);
  const int done = ask_kernel(fd, SIOCGIFCONF, list);
  if (done == 0) {
    const KeepErrno keep;
    append_addresses(*list, room);
  }
  return done;
}

int ask_about(int fd, unsigned long request, ifreq* asked) {
  const int before = errno;
  const int done = ask_kernel(fd, request, asked);
  // The kernel knows the request, and no such interface.
  if (done == 0 || errno != ENODEV) return done;
  char name[IFNAMSIZ] = {};
  std::optional<InterfaceRecord> ours;
  if (request == SIOCGIFNAME) {
    ours = virtual_interface(static_cast<std::uint32_t>(asked->ifr_ifindex));
  } else {
    std::memcpy(name, asked->ifr_name, sizeof name - 1);
    ours = virtual_interface(std::string_view(name));
  }
  if (!ours) return fail(std::errc::no_such_device);
  errno = before;
  if (request != SIOCGIFNAME) return tell(request, *ours, *asked);
  std::memcpy(asked->ifr_name, ours->name.c_str(), ours->name.size() + 1);
  return 0;
}

}  // namespace

bool is_about_interfaces(unsigned long request) noexcept {
  switch (request) {
    case SIOCGIFCONF:
    case SIOCGIFNAME:
    case SIOCGIFINDEX:
    case SIOCGIFFLAGS:
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFBRDADDR:
    case SIOCGIFMTU:
    case SIOCGIFHWADDR:
    case SIOCGIFMETRIC:
    case SIOCGIFTXQLEN:
      return true;
    default:
      return false;
  }
}

int interface_ioctl(int fd, unsigned long request, void* argument) noexcept {
  const NoCancel no_cancel;
  try {
    if (request == SIOCGIFCONF) return configuration(fd, static_cast<ifconf*>(argument));
    return ask_about(fd, request, static_cast<ifreq*>(argument));
  } catch (const std::exception&) {
    return fail(std::errc::not_enough_memory);
  }
}

}  // namespace ztshim
