// The virtual interfaces as the service tells them, and their place in what libc's calls return.
#pragma once

#include <ifaddrs.h>

#include <optional>
#include <string_view>
#include <vector>

#include "common/rpc_records.h"

namespace ztshim {

using rpc::InterfaceRecord;

// None where nothing is virtual. The first call of a process waits for the networks, as long as
// ZTSHIM_WAIT says: programs look at their addresses once, at their start. Throws std::bad_alloc.
std::vector<InterfaceRecord> virtual_interfaces();

// Asks only for names and numbers that can be ours.
std::optional<InterfaceRecord> virtual_interface(std::string_view name);
std::optional<InterfaceRecord> virtual_interface(std::uint32_t index);

// The list of getifaddrs(3) with ours at its end; it takes over `host`. Null when memory is short.
ifaddrs* merge_interfaces(ifaddrs* host, const std::vector<InterfaceRecord>& ours) noexcept;
// Frees such a list, and hands what was taken over to `free_host`. False: it is none of ours.
bool free_merged(ifaddrs* list, void (*free_host)(ifaddrs*)) noexcept;

}  // namespace ztshim
