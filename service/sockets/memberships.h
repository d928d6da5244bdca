// The multicast groups that one socket has joined on the virtual networks, and from whom it wants
// them (RFC 3678). Left when the socket ends.
#pragma once

#include <cstddef>
#include <vector>

#include "common/endpoint.h"
#include "common/result.h"
#include "service/stack/groups.h"

namespace ztshim::sockets {

class Memberships {
 public:
  explicit Memberships(stack::Groups& groups) : groups_(groups) {}
  ~Memberships() { leave_all(); }
  Memberships(const Memberships&) = delete;
  Memberships& operator=(const Memberships&) = delete;

  // With everybody as a source. EADDRINUSE, ENOBUFS.
  Result<void> join(stack::InterfaceId interface, const IpAddress& group);
  // With this one (more). EADDRNOTAVAIL: it is one already; EINVAL: joined the other way.
  Result<void> join_source(stack::InterfaceId interface, const IpAddress& group,
                           const IpAddress& source);
  // EADDRNOTAVAIL: not joined. `interface` empty: whichever it was.
  Result<void> leave(std::optional<stack::InterfaceId> interface, const IpAddress& group);
  Result<void> leave_source(stack::InterfaceId interface, const IpAddress& group,
                            const IpAddress& source);
  // Of a group joined for everybody.
  Result<void> block(stack::InterfaceId interface, const IpAddress& group, const IpAddress& source);
  Result<void> unblock(stack::InterfaceId interface, const IpAddress& group,
                       const IpAddress& source);
  void leave_all();
  bool empty() const { return list_.empty(); }

  // `others`: what of groups that this socket has not joined (IP_MULTICAST_ALL).
  bool allows(stack::InterfaceId interface, const IpAddress& group, const IpAddress& source,
              bool others) const;

 private:
  struct Membership {
    stack::InterfaceId interface {};
    IpAddress group;
    bool excludes = true;            // everybody but `sources`; otherwise these alone
    std::vector<IpAddress> sources;  // at most kMostSources
  };
  using Iterator = std::vector<Membership>::iterator;
  Iterator find(stack::InterfaceId interface, const IpAddress& group);

  stack::Groups& groups_;
  std::vector<Membership> list_;
};

}  // namespace ztshim::sockets
