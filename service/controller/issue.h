// Makes a member's configuration, with every credential in it signed at the same time. Decides
// nothing: what the member gets has been settled before. Notes: controller.md 4.
#pragma once

#include <vector>

#include "service/controller/address_assignment.h"
#include "service/controller/member.h"
#include "service/controller/network_definition.h"
#include "service/wire/credentials.h"

namespace ztshim::controller {

struct IssueInput {
  NetworkId id;
  const NetworkDefinition& network;
  const MemberDefinition& member;
  const Identity& recipient;
  const Identity& controller;  // with its private part
  const Assignment& assignment;
  const std::vector<Address>& active_bridges;  // ascending
  bool understands_rules = true;               // metadata revr is not 0
  std::uint64_t wall_ms = 0;
};
NetworkConfig issue_config(const IssueInput& in);

// Ends what was issued to the member up to now.
Revocation issue_revocation(NetworkId id, Address member, const Identity& controller,
                            std::uint64_t wall_ms, std::uint32_t random_id);

}  // namespace ztshim::controller
