// Whom to ask for a name: a network's own resolvers for what is below its domain (allowDNS), the
// system's for everything else. Like a routing domain of systemd-resolved: a name below the domain
// is asked nowhere else, and no other name is asked there.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "common/rpc_records.h"

namespace ztshim {

// The resolvers with the longest domain that `name` is, or is below; nothing: the system's. Waits
// for networks that may push some, once per process. Throws std::bad_alloc.
std::optional<rpc::ResolverRecord> resolver_for(std::string_view name);
// Those of the networks that an address belongs to.
std::vector<rpc::ResolverRecord> resolvers_about(const IpAddress& ip);

// Is `name` the domain, or below it? Without regard to case; a dot at the end does not count.
bool is_within(std::string_view name, std::string_view domain) noexcept;

// Under ZTSHIM_EGRESS=virtual libc's own lookups read /etc/hosts and ask nobody. True: they do.
bool keep_libc_from_asking() noexcept;

}  // namespace ztshim
