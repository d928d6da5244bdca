#include "service/sockets/membership_option.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace ztshim::sockets {
namespace {

using Verb = MembershipOption::Verb;
using Parsed = Result<MembershipOption>;

IpAddress v4(in_addr address) { return IpAddress::v4(ntohl(address.s_addr)); }

IpAddress or_none(const IpAddress& ip) { return ip.is_unspecified() ? IpAddress{} : ip; }

template <typename T>
bool read(ByteView value, T& to) {
  if (value.size() < sizeof to) return false;
  std::memcpy(&to, value.data(), sizeof to);
  return true;
}

Parsed checked(const MembershipOption& option, int family) {
  const bool fits = family == AF_INET ? option.group.is_v4() : option.group.is_v6();
  if (!fits) return failure(std::errc::address_not_available);
  if (!option.group.is_multicast()) return failure(std::errc::invalid_argument);
  return option;
}

Parsed parse_v4(Verb verb, ByteView value) {
  MembershipOption option;
  option.verb = verb;
  if (ip_mreqn request{}; read(value, request)) {
    option.index = static_cast<std::uint32_t>(request.imr_ifindex);
    option.group = v4(request.imr_multiaddr);
    if (option.index == 0) option.interface_address = or_none(v4(request.imr_address));
  } else if (ip_mreq short_request{}; read(value, short_request)) {
    option.group = v4(short_request.imr_multiaddr);
    option.interface_address = or_none(v4(short_request.imr_interface));
  } else {
    return failure(std::errc::invalid_argument);
  }
  return checked(option, AF_INET);
}

Parsed parse_v4_source(Verb verb, ByteView value) {
  ip_mreq_source request{};
  if (!read(value, request)) return failure(std::errc::invalid_argument);
  MembershipOption option;
  option.verb = verb;
  option.group = v4(request.imr_multiaddr);
  option.source = v4(request.imr_sourceaddr);
  option.interface_address = or_none(v4(request.imr_interface));
  return checked(option, AF_INET);
}

Parsed parse_v6(Verb verb, ByteView value) {
  ipv6_mreq request{};
  if (!read(value, request)) return failure(std::errc::invalid_argument);
  MembershipOption option;
  option.verb = verb;
  option.group = IpAddress::v6(ByteView(request.ipv6mr_multiaddr.s6_addr, 16));
  option.index = request.ipv6mr_interface;
  return checked(option, AF_INET6);
}

std::optional<IpAddress> address_in(const sockaddr_storage& storage) {
  const auto endpoint =
      Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), sizeof storage);
  return endpoint ? std::optional(endpoint->ip) : std::nullopt;
}

Parsed parse_any(Verb verb, ByteView value, int family, bool has_source) {
  group_source_req request{};
  if (has_source) {
    if (!read(value, request)) return failure(std::errc::invalid_argument);
  } else {
    group_req plain{};
    if (!read(value, plain)) return failure(std::errc::invalid_argument);
    request.gsr_interface = plain.gr_interface;
    request.gsr_group = plain.gr_group;
  }
  MembershipOption option;
  option.verb = verb;
  option.index = request.gsr_interface;
  const auto group = address_in(request.gsr_group);
  if (!group) return failure(std::errc::invalid_argument);
  option.group = *group;
  if (has_source) {
    const auto source = address_in(request.gsr_source);
    if (!source || source->family() != group->family())
      return failure(std::errc::address_not_available);
    option.source = *source;
  }
  return checked(option, family);
}

}  // namespace

std::optional<Parsed> parse_membership(int level, int name, ByteView value) {
  if (level != IPPROTO_IP && level != IPPROTO_IPV6) return std::nullopt;
  if (level == IPPROTO_IP) {
    switch (name) {
      case IP_ADD_MEMBERSHIP:
        return parse_v4(Verb::Join, value);
      case IP_DROP_MEMBERSHIP:
        return parse_v4(Verb::Leave, value);
      case IP_ADD_SOURCE_MEMBERSHIP:
        return parse_v4_source(Verb::JoinSource, value);
      case IP_DROP_SOURCE_MEMBERSHIP:
        return parse_v4_source(Verb::LeaveSource, value);
      case IP_BLOCK_SOURCE:
        return parse_v4_source(Verb::Block, value);
      case IP_UNBLOCK_SOURCE:
        return parse_v4_source(Verb::Unblock, value);
      default:
        break;
    }
  } else {
    if (name == IPV6_JOIN_GROUP) return parse_v6(Verb::Join, value);
    if (name == IPV6_LEAVE_GROUP) return parse_v6(Verb::Leave, value);
  }
  const int family = level == IPPROTO_IP ? AF_INET : AF_INET6;
  switch (name) {
    case MCAST_JOIN_GROUP:
      return parse_any(Verb::Join, value, family, false);
    case MCAST_LEAVE_GROUP:
      return parse_any(Verb::Leave, value, family, false);
    case MCAST_JOIN_SOURCE_GROUP:
      return parse_any(Verb::JoinSource, value, family, true);
    case MCAST_LEAVE_SOURCE_GROUP:
      return parse_any(Verb::LeaveSource, value, family, true);
    case MCAST_BLOCK_SOURCE:
      return parse_any(Verb::Block, value, family, true);
    case MCAST_UNBLOCK_SOURCE:
      return parse_any(Verb::Unblock, value, family, true);
    default:
      return std::nullopt;
  }
}

}  // namespace ztshim::sockets
