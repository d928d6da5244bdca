// A hostent in a buffer of the caller's, as gethostbyname_r(3) and its kin hand it over.
#pragma once

#include <netdb.h>

#include <cstddef>
#include <string>
#include <vector>

#include "common/endpoint.h"

namespace ztshim {

struct HostEntry {
  int family = 0;  // AF_INET6: IPv4 addresses go in IPv4-mapped
  std::string name;
  std::vector<std::string> aliases;
  std::vector<IpAddress> addresses;

  // False when the buffer is too small (ERANGE).
  bool put(hostent& to, char* buffer, std::size_t size) const noexcept;
};

}  // namespace ztshim
