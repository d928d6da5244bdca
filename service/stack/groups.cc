#include "service/stack/groups.h"

namespace ztshim::stack {

void Groups::join(InterfaceId interface, const IpAddress& group) {
  if (++counts_[{interface, group}] == 1) tell(interface);
}

void Groups::leave(InterfaceId interface, const IpAddress& group) {
  const auto found = counts_.find({interface, group});
  if (found == counts_.end() || --found->second > 0) return;
  counts_.erase(found);
  tell(interface);
}

void Groups::tell(InterfaceId interface) const {
  if (!listener_) return;
  std::vector<IpAddress> groups;
  for (auto at = counts_.lower_bound({interface, IpAddress{}});
       at != counts_.end() && at->first.first == interface; ++at) {
    groups.push_back(at->first.second);
  }
  listener_(interface, groups);
}

}  // namespace ztshim::stack
