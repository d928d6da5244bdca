// What the operator says about the physical side: local.conf as data, however it was read.
// Notes: vl1-behaviour 18, 5.1, 7.4, 15; vl1-crypto 5.6.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/endpoint.h"
#include "common/ip_prefix.h"
#include "service/crypto/address.h"

namespace ztshim::vl1 {

// One member of "physical".
struct PhysicalNetwork {
  IpPrefix network;
  bool blacklisted = false;        // neither remote nor local addresses in it are used
  std::uint64_t trusted_path = 0;  // 0: none. Else packets there go unprotected (suite 2)
  unsigned mtu = 0;                // UDP payload per datagram; 0: the usual; clamped, see mtu_for
};

// One member of "virtual": about one peer.
struct PeerSettings {
  std::vector<Endpoint> hints;      // "try": where it may be reached
  std::vector<IpPrefix> blacklist;  // where it must not be reached
};

struct Settings {
  std::vector<PhysicalNetwork> physical;  // any order; at most kMaxPhysicalNetworks are used
  std::map<Address, PeerSettings> peers;
  bool low_bandwidth = false;
};

// A UDP socket that the host has bound. A socket's number is used again only after a set without it
// has been told.
struct BoundSocket {
  std::uint32_t socket = 0;  // LocalSocket
  // Where it can be reached: its own address, or for a wildcard those of the interfaces behind it.
  std::vector<Endpoint> addresses;
  bool operator==(const BoundSocket&) const = default;
};

}  // namespace ztshim::vl1
