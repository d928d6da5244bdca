// libc's functions about interfaces and names, past our own hooks. Beside common/real.h because
// nobody calls these from within malloc, and no system call could take their place.
#pragma once

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

namespace ztshim {

struct RealNames {
  decltype(&::getifaddrs) getifaddrs;
  decltype(&::freeifaddrs) freeifaddrs;
  struct if_nameindex* (*if_nameindex)();
  decltype(&::if_nametoindex) if_nametoindex;
  decltype(&::if_indextoname) if_indextoname;
};

const RealNames& real_names() noexcept;

}  // namespace ztshim
