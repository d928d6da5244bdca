#include "shim/families.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "shim/interfaces.h"
#include "shim/real_names.h"

namespace ztshim {
namespace {

struct Families {
  bool v4 = false, v6 = false;
};

// As libc looks: everything counts but the loopback addresses.
Families host_families() {
  Families seen;
  ifaddrs* all = nullptr;
  if (real_names().getifaddrs(&all) != 0) return {true, true};  // as libc then does
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    const int family = at->ifa_addr == nullptr ? AF_UNSPEC : at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const auto endpoint = Endpoint::from_sockaddr(
        at->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (!endpoint || endpoint->ip.is_loopback()) continue;
    (family == AF_INET ? seen.v4 : seen.v6) = true;
  }
  real_names().freeifaddrs(all);
  return seen;
}

// Every virtual interface has a link-local address; that alone reaches nobody by name.
Families virtual_families() {
  Families seen;
  for (const InterfaceRecord& interface : virtual_interfaces()) {
    for (const IpPrefix& address : interface.addresses) {
      if (address.ip.is_v4()) seen.v4 = true;
      if (address.ip.is_v6() && !address.ip.is_link_local()) seen.v6 = true;
    }
  }
  return seen;
}

}  // namespace

int resolve_families(addrinfo& hints) {
  if ((hints.ai_flags & AI_ADDRCONFIG) == 0) return 0;
  const Families hosts = host_families();
  if (hosts.v4 && hosts.v6) return 0;
  const Families ours = virtual_families();
  const Families all{hosts.v4 || ours.v4, hosts.v6 || ours.v6};
  if (all.v4 == hosts.v4 && all.v6 == hosts.v6) return 0;
  hints.ai_flags &= ~AI_ADDRCONFIG;
  if (hints.ai_family == AF_INET && !all.v4) return EAI_NONAME;
  if (hints.ai_family == AF_INET6 && !all.v6) return EAI_NONAME;
  if (hints.ai_family == AF_UNSPEC && all.v4 != all.v6)
    hints.ai_family = all.v4 ? AF_INET : AF_INET6;
  return 0;
}

}  // namespace ztshim
