#include "service/sockets/memberships.h"

#include <algorithm>

namespace ztshim::sockets {
namespace {

// Linux' limits of a socket: igmp_max_memberships and igmp_max_msf. MLD's are larger; nobody needs
// more.
constexpr std::size_t kMostGroups = 20;
constexpr std::size_t kMostSources = 10;

constexpr auto kNotJoined = std::errc::address_not_available;

}  // namespace

Memberships::Iterator Memberships::find(stack::InterfaceId interface, const IpAddress& group) {
  return std::find_if(list_.begin(), list_.end(), [&](const Membership& one) {
    return one.interface == interface && one.group == group;
  });
}

Result<void> Memberships::join(stack::InterfaceId interface, const IpAddress& group) {
  if (find(interface, group) != list_.end()) return failure(std::errc::address_in_use);
  if (list_.size() == kMostGroups) return failure(std::errc::no_buffer_space);
  list_.push_back({interface, group, true, {}});
  groups_.join(interface, group);
  return {};
}

Result<void> Memberships::join_source(stack::InterfaceId interface, const IpAddress& group,
                                      const IpAddress& source) {
  const auto found = find(interface, group);
  if (found == list_.end()) {
    if (list_.size() == kMostGroups) return failure(std::errc::no_buffer_space);
    list_.push_back({interface, group, false, {source}});
    groups_.join(interface, group);
    return {};
  }
  if (found->excludes) return failure(std::errc::invalid_argument);
  std::vector<IpAddress>& sources = found->sources;
  if (std::find(sources.begin(), sources.end(), source) != sources.end())
    return failure(std::errc::address_not_available);
  if (sources.size() == kMostSources) return failure(std::errc::no_buffer_space);
  sources.push_back(source);
  return {};
}

Result<void> Memberships::leave(std::optional<stack::InterfaceId> interface,
                                const IpAddress& group) {
  const auto found = std::find_if(list_.begin(), list_.end(), [&](const Membership& one) {
    return one.group == group && (!interface || one.interface == *interface);
  });
  if (found == list_.end()) return failure(kNotJoined);
  groups_.leave(found->interface, group);
  list_.erase(found);
  return {};
}

Result<void> Memberships::leave_source(stack::InterfaceId interface, const IpAddress& group,
                                       const IpAddress& source) {
  const auto found = find(interface, group);
  if (found == list_.end()) return failure(std::errc::invalid_argument);
  if (found->excludes) return failure(std::errc::invalid_argument);
  if (std::erase(found->sources, source) == 0) return failure(kNotJoined);
  if (!found->sources.empty()) return {};
  return leave(interface, group);
}

Result<void> Memberships::block(stack::InterfaceId interface, const IpAddress& group,
                                const IpAddress& source) {
  const auto found = find(interface, group);
  if (found == list_.end() || !found->excludes) return failure(std::errc::invalid_argument);
  std::vector<IpAddress>& sources = found->sources;
  if (std::find(sources.begin(), sources.end(), source) != sources.end())
    return failure(std::errc::address_not_available);
  if (sources.size() == kMostSources) return failure(std::errc::no_buffer_space);
  sources.push_back(source);
  return {};
}

Result<void> Memberships::unblock(stack::InterfaceId interface, const IpAddress& group,
                                  const IpAddress& source) {
  const auto found = find(interface, group);
  if (found == list_.end() || !found->excludes) return failure(std::errc::invalid_argument);
  if (std::erase(found->sources, source) == 0) return failure(kNotJoined);
  return {};
}

void Memberships::leave_all() {
  for (const Membership& one : list_) groups_.leave(one.interface, one.group);
  list_.clear();
}

bool Memberships::allows(stack::InterfaceId interface, const IpAddress& group,
                         const IpAddress& source, bool others) const {
  for (const Membership& one : list_) {
    if (one.interface != interface || one.group != group) continue;
    const bool is_listed =
        std::find(one.sources.begin(), one.sources.end(), source) != one.sources.end();
    return is_listed != one.excludes;
  }
  return others;
}

}  // namespace ztshim::sockets
