// The options by which sockets join and leave multicast groups, in all the forms that IP and IPv6
// have for it: from bytes to values.
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/result.h"

namespace ztshim::sockets {

struct MembershipOption {
  enum class Verb : std::uint8_t { Join, Leave, JoinSource, LeaveSource, Block, Unblock };
  Verb verb = Verb::Join;
  IpAddress group, source;
  std::uint32_t index = 0;      // of the interface; 0: by address, or any
  IpAddress interface_address;  // empty: by index, or any
};

// Nothing: another option. EINVAL, EADDRNOTAVAIL.
std::optional<Result<MembershipOption>> parse_membership(int level, int name, ByteView value);

}  // namespace ztshim::sockets
