// One request for a port to a router, by either of the two protocols. These functions block, for
// some seconds at most; they run on PortMapper's thread and do not log.
#pragma once

#include <netinet/in.h>

#include <functional>
#include <string>

#include "common/endpoint.h"
#include "common/result.h"

namespace ztshim::host {

// How long a router keeps a mapping that is not renewed (vl1-behaviour 13.3).
inline constexpr int kMappingLeaseSeconds = 600;

// Between the steps: true when nobody waits for the answer any more.
using IsCancelled = std::function<bool()>;

// The external endpoint that leads to UDP `port` of this machine, or why there is none.
// `gateway`: network order; INADDR_ANY: the default route's.
Result<Endpoint, std::string> map_by_nat_pmp(in_addr_t gateway, std::uint16_t port,
                                             const IsCancelled& is_cancelled);
// `interface`: address of the interface to search on; empty: the system's choice.
Result<Endpoint, std::string> map_by_upnp(const std::string& interface, std::uint16_t port,
                                          const std::string& description,
                                          const IsCancelled& is_cancelled);

}  // namespace ztshim::host
