// The machine's own addresses. Their changes are noticed by asking again.
#pragma once

#include <vector>

#include "common/endpoint.h"

namespace ztshim::host {

// Where other nodes may reach us when bound to `bound`: each wildcard stands for the addresses of
// the interfaces that genuine nodes would use too (vl1-behaviour 13.2: no loopback, link-local,
// tunnel or virtual ones); an explicit address stands for itself.
std::vector<Endpoint> reachable_endpoints(const std::vector<Endpoint>& bound);

}  // namespace ztshim::host
