// One node's standing in a network: the JSON record that is kept and shown, and its meaning as
// values. Notes: controller.md 7.2.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "service/controller/json_values.h"
#include "service/crypto/address.h"
#include "service/wire/network_id.h"

namespace ztshim::controller {

struct MemberDefinition {
  bool authorized = false;
  bool active_bridge = false;
  bool no_auto_assign = false;
  std::vector<IpAddress> addresses;
  std::map<std::uint32_t, std::uint32_t> tags;
  std::vector<std::uint32_t> capabilities;
  std::string identity;  // empty until its first request
  std::string trace_target;
  std::uint64_t trace_level = 0;
};

Json new_member_record(NetworkId network, Address member, std::int64_t wall_ms);
void complete_member_record(Json& record, NetworkId network, Address member);
// Takes over the fields of `changes` that may be written; notes who was (de)authorised, and when.
void merge_member(Json& record, const Json& changes, std::int64_t wall_ms);
MemberDefinition read_member(const Json& record);

// Changes made while answering a request.
void authorize(Json& record, std::int64_t wall_ms, const char* credential_type,
               const Json& credential);

}  // namespace ztshim::controller
