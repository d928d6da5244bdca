#include "shim/address_order.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "common/ip_prefix.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "common/unique_fd.h"
#include "shim/client.h"

namespace ztshim {
namespace {

struct Policy {
  const char* range;
  int precedence, label;
};
// The first that matches. (libc's; RFC 6724 differs for unique local addresses, which it puts
// behind IPv4.)
constexpr std::array<Policy, 8> kPolicies = {{{"::1/128", 50, 0},
                                              {"2002::/16", 30, 2},
                                              {"::ffff:0:0/96", 10, 4},
                                              {"::/96", 20, 3},
                                              {"fec0::/10", 40, 5},
                                              {"fc00::/7", 40, 6},
                                              {"2001::/32", 40, 7},
                                              {"::/0", 40, 1}}};

const Policy& policy_of(const IpAddress& ip) {
  static const auto ranges = [] {
    std::array<IpPrefix, kPolicies.size()> parsed;
    for (std::size_t i = 0; i < parsed.size(); ++i)
      parsed[i] = *IpPrefix::parse(kPolicies[i].range);
    return parsed;
  }();
  std::size_t i = 0;
  while (i + 1 < ranges.size() && !ranges[i].contains(ip.mapped())) ++i;
  return kPolicies[i];
}

// RFC 4291's numbers.
int scope_of(const IpAddress& ip) {
  constexpr int kLinkLocal = 2, kSiteLocal = 5, kGlobal = 14;
  if (ip.is_multicast()) return ip.is_v6() ? ip.bytes()[1] & 0x0f : kGlobal;
  if (ip.is_link_local() || ip.is_loopback()) return kLinkLocal;
  const bool is_site_local = ip.is_v6() && ip.bytes()[0] == 0xfe && (ip.bytes()[1] & 0xc0) == 0xc0;
  return is_site_local ? kSiteLocal : kGlobal;
}

// Nothing is sent: a datagram socket that is connected knows its address.
IpAddress host_source(const IpAddress& destination) {
  sockaddr_storage address{};
  socklen_t length = Endpoint{destination, 53}.to_sockaddr(address);
  const UniqueFd probe(real().socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto* const at = reinterpret_cast<sockaddr*>(&address);
  if (!probe || real().connect(probe.get(), at, length) != 0) return {};
  length = sizeof address;
  if (real().getsockname(probe.get(), at, &length) != 0) return {};
  const auto local = Endpoint::from_sockaddr(at, length);
  return local ? local->ip : IpAddress{};
}

}  // namespace

std::vector<Candidate> candidates(const std::vector<IpAddress>& destinations) {
  std::vector<Candidate> list;
  for (const IpAddress& destination : destinations) {
    Candidate candidate{destination, {}, false};
    const auto answer = client::ask({{}, rpc::Source{{destination, 0}}});
    if (answer && answer->reply.kind == rpc::Reply::Kind::Done) {
      candidate.source = answer->reply.endpoint.ip;
      candidate.is_virtual = true;
    } else if (answer && answer->reply.kind == rpc::Reply::Kind::Host) {
      candidate.source = host_source(destination);
    }
    list.push_back(candidate);
  }
  return list;
}

bool is_before(const Candidate& a, const Candidate& b) {
  // 1: what cannot be reached.
  if (static_cast<bool>(a.source) != static_cast<bool>(b.source))
    return static_cast<bool>(a.source);
  if (a.source) {
    const auto has_same_scope = [](const Candidate& c) {
      return scope_of(c.destination) == scope_of(c.source);
    };
    const auto has_same_label = [](const Candidate& c) {
      return policy_of(c.destination).label == policy_of(c.source).label;
    };
    if (has_same_scope(a) != has_same_scope(b)) return has_same_scope(a);  // 2
    if (has_same_label(a) != has_same_label(b)) return has_same_label(a);  // 5
  }
  const int precedence_a = policy_of(a.destination).precedence;
  const int precedence_b = policy_of(b.destination).precedence;
  if (precedence_a != precedence_b) return precedence_a > precedence_b;  // 6
  const int scope_a = scope_of(a.destination), scope_b = scope_of(b.destination);
  if (scope_a != scope_b) return scope_a < scope_b;  // 8
  // 9, for IPv6 alone: the bits of IPv4 addresses say nothing about distance.
  if (a.destination.is_v6() && b.destination.is_v6() && a.source && b.source) {
    return common_prefix_bits(a.destination, a.source) >
           common_prefix_bits(b.destination, b.source);
  }
  return false;  // 10
}

std::vector<IpAddress> in_order(const std::vector<IpAddress>& destinations) {
  std::vector<Candidate> list = candidates(destinations);
  std::stable_sort(list.begin(), list.end(), is_before);
  std::vector<IpAddress> sorted;
  for (const Candidate& candidate : list) sorted.push_back(candidate.destination);
  return sorted;
}

}  // namespace ztshim
