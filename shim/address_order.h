// In which order the addresses of a name are to be tried: as getaddrinfo(3) sorts them, with the
// source address that a virtual network would give for each.
#pragma once

#include <vector>

#include "common/endpoint.h"

namespace ztshim {

struct Candidate {
  IpAddress destination;
  IpAddress source;  // empty: there is no way to it
  bool is_virtual = false;
};

// Where a connection to each address would come from.
std::vector<Candidate> candidates(const std::vector<IpAddress>& destinations);

// Does `a` come before `b`? The rules of RFC 3484 with libc's tables, which is what programs know
// from the kernel's interfaces; equals stay in order. Rules 3, 4 and 7 are about things that
// virtual interfaces do not have: deprecated addresses, homes, tunnels.
bool is_before(const Candidate& a, const Candidate& b);

// Sorted by it.
std::vector<IpAddress> in_order(const std::vector<IpAddress>& destinations);

}  // namespace ztshim
