// Which managed addresses a member gets: those that follow from its node address, those its record
// names, and new ones from the network's pools. Notes: controller.md 4.3.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "service/controller/member.h"
#include "service/controller/network_definition.h"
#include "service/crypto/random.h"

namespace ztshim::controller {

struct Assignment {
  std::vector<IpPrefix> addresses;  // in the order in which they are issued
  std::vector<IpAddress> picked;    // new ones, to be kept in the member's record
  bool ndp_emulation = false;
  // A pool of that family should have given one and had none left (or no route leads into it).
  bool is_short_of_v4 = false, is_short_of_v6 = false;
};

// Does any member of the network have this address already?
using IsTaken = std::function<bool(const IpAddress&)>;

Assignment assign_addresses(const NetworkDefinition& network, NetworkId id, Address member,
                            const MemberDefinition& definition, const IsTaken& is_taken,
                            RandomSource& random);

}  // namespace ztshim::controller
