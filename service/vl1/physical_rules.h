// The operator's rules about physical addresses, looked up by address. Notes: vl1-behaviour 18,
// 5.1 (5), vl1-packets 2.5, vl1-crypto 5.6.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/endpoint.h"
#include "service/vl1/settings.h"

namespace ztshim::vl1 {

class PhysicalRules {
 public:
  explicit PhysicalRules(Settings settings);

  // May this address be used at all; and for this peer?
  bool permits(const IpAddress& ip) const;
  bool permits(Address peer, const IpAddress& ip) const;
  // The largest UDP payload to be sent there.
  std::size_t mtu_for(const IpAddress& ip) const;
  // The ID under which packets to `ip` go unprotected; 0: they do not.
  std::uint64_t trusted_path_to(const IpAddress& ip) const;
  // Is an unprotected packet with this ID from there believed?
  bool trusts(std::uint64_t trusted_path, const IpAddress& from) const;
  // Places to try for this peer; nullptr when there are none.
  const std::vector<Endpoint>* hints_for(Address peer) const;
  bool low_bandwidth() const { return settings_.low_bandwidth; }

 private:
  // Of several networks that contain an address the first counts: sorted by family, length of the
  // prefix (ascending, so the least specific), address.
  const PhysicalNetwork* network_of(const IpAddress& ip) const;

  Settings settings_;
};

}  // namespace ztshim::vl1
