// libc's functions about interfaces and names, past our own hooks. Beside common/real.h because
// nobody calls these from within malloc, and no system call could take their place.
#pragma once

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

struct __res_state;

namespace ztshim {

struct RealNames {
  decltype(&::getifaddrs) getifaddrs;
  decltype(&::freeifaddrs) freeifaddrs;
  struct if_nameindex* (*if_nameindex)();
  decltype(&::if_nametoindex) if_nametoindex;
  decltype(&::if_indextoname) if_indextoname;
  decltype(&::getaddrinfo) getaddrinfo;
  decltype(&::getnameinfo) getnameinfo;
  decltype(&::gethostbyname) gethostbyname;
  decltype(&::gethostbyname2) gethostbyname2;
  decltype(&::gethostbyaddr) gethostbyaddr;
  decltype(&::gethostbyname_r) gethostbyname_r;
  decltype(&::gethostbyname2_r) gethostbyname2_r;
  decltype(&::gethostbyaddr_r) gethostbyaddr_r;
  int (*res_query)(const char*, int, int, unsigned char*, int);
  int (*res_search)(const char*, int, int, unsigned char*, int);
  int (*res_querydomain)(const char*, const char*, int, int, unsigned char*, int);
  int (*res_send)(const unsigned char*, int, unsigned char*, int);
  int (*res_nquery)(struct __res_state*, const char*, int, int, unsigned char*, int);
  int (*res_nsearch)(struct __res_state*, const char*, int, int, unsigned char*, int);
  int (*res_nquerydomain)(struct __res_state*, const char*, const char*, int, int, unsigned char*,
                          int);
  int (*res_nsend)(struct __res_state*, const unsigned char*, int, unsigned char*, int);
};

const RealNames& real_names() noexcept;

}  // namespace ztshim
