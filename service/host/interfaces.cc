#include "service/host/interfaces.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <string_view>

#include "common/real.h"
#include "common/unique_fd.h"

// The kernel's macros for walking its messages cast in C's way.
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wsign-conversion"

namespace ztshim::host {
namespace {

// What we offer to peers is bounded: a container host has hundreds of addresses.
constexpr std::size_t kMaxEndpoints = 64;
// The kernel's dumps come in pieces of at most this size.
constexpr std::size_t kDumpPiece = 32768;

using OnMessage = std::function<void(const nlmsghdr&)>;

// One dump request and all its answers. False when the kernel refuses.
bool dump(int fd, std::uint16_t type, std::uint8_t family, const OnMessage& on_message) {
  struct {
    nlmsghdr header;
    rtgenmsg body;
  } request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.rtgen_family = family;
  if (real().send(fd, &request, request.header.nlmsg_len, 0) < 0) return false;
  alignas(nlmsghdr) std::array<char, kDumpPiece> piece;
  for (;;) {
    const ssize_t got = real().recv(fd, piece.data(), piece.size(), 0);
    if (got <= 0) return false;
    auto left = static_cast<unsigned>(got);
    const auto* message = reinterpret_cast<const nlmsghdr*>(piece.data());
    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return true;
      if (message->nlmsg_type == NLMSG_ERROR) return false;
      on_message(*message);
    }
  }
}

// Calls `on_attribute` for each of a message's attributes.
template <typename Body, typename OnAttribute>
void each_attribute(const nlmsghdr& message, OnAttribute on_attribute) {
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(Body))) return;
  const auto* const body = static_cast<const char*>(NLMSG_DATA(&message));
  const auto* attribute = reinterpret_cast<const rtattr*>(body + NLMSG_ALIGN(sizeof(Body)));
  auto left = static_cast<int>(message.nlmsg_len - NLMSG_LENGTH(sizeof(Body)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    on_attribute(
        attribute->rta_type,
        ByteView(static_cast<const std::uint8_t*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute)));
  }
}

// Index and name of an interface that is up.
std::optional<std::pair<int, std::string>> parse_link(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWLINK) return std::nullopt;
  const auto& info = *static_cast<const ifinfomsg*>(NLMSG_DATA(&message));
  if ((info.ifi_flags & IFF_UP) == 0) return std::nullopt;
  std::string name;
  each_attribute<ifinfomsg>(message, [&](unsigned type, ByteView value) {
    if (type == IFLA_IFNAME) name = as_text(value).substr(0, as_text(value).find('\0'));
  });
  return std::pair(info.ifi_index, name);
}

struct ParsedAddress {
  int index = 0;
  IpAddress ip;
  std::uint32_t flags = 0;
};

ParsedAddress parse_address(const nlmsghdr& message) {
  ParsedAddress parsed;
  if (message.nlmsg_type != RTM_NEWADDR) return parsed;
  const auto& info = *static_cast<const ifaddrmsg*>(NLMSG_DATA(&message));
  parsed.index = static_cast<int>(info.ifa_index);
  parsed.flags = info.ifa_flags;
  IpAddress whole, local;
  each_attribute<ifaddrmsg>(message, [&](unsigned type, ByteView value) {
    const bool fits = value.size() == (info.ifa_family == AF_INET6 ? 16U : 4U);
    if (type == IFA_FLAGS && value.size() == sizeof parsed.flags) {
      std::memcpy(&parsed.flags, value.data(), sizeof parsed.flags);
    } else if (type == IFA_ADDRESS && fits) {
      whole = info.ifa_family == AF_INET6 ? IpAddress::v6(value) : IpAddress::v4(value);
    } else if (type == IFA_LOCAL && fits) {  // differs on point-to-point links: ours, not theirs
      local = info.ifa_family == AF_INET6 ? IpAddress::v6(value) : IpAddress::v4(value);
    }
  });
  parsed.ip = local ? local : whole;
  return parsed;
}

}  // namespace

std::optional<std::vector<LocalAddress>> local_addresses() {
  const UniqueFd fd(real().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return std::nullopt;
  std::map<int, std::string> names;
  const bool have_links = dump(fd.get(), RTM_GETLINK, AF_UNSPEC, [&](const nlmsghdr& message) {
    if (auto link = parse_link(message)) names.insert(std::move(*link));
  });
  if (!have_links) return std::nullopt;
  std::vector<LocalAddress> addresses;
  const bool have_addresses = dump(fd.get(), RTM_GETADDR, AF_UNSPEC, [&](const nlmsghdr& message) {
    const ParsedAddress parsed = parse_address(message);
    const auto name = names.find(parsed.index);
    if (!parsed.ip || name == names.end()) return;
    if ((parsed.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0) return;
    // IFA_F_SECONDARY is the same bit and means something else for IPv4.
    const bool temporary = parsed.ip.is_v6() && (parsed.flags & IFA_F_TEMPORARY) != 0;
    addresses.push_back({parsed.ip, name->second, temporary});
  });
  if (!have_addresses) return std::nullopt;
  return addresses;
}

bool is_excluded_interface(std::string_view name) {
  constexpr std::array<std::string_view, 4> kPrefixes{"lo", "zt", "tun", "tap"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
    return name.substr(0, prefix.size()) == prefix;
  });
}

std::vector<Endpoint> reachable_endpoints(const std::vector<Endpoint>& bound) {
  std::vector<Endpoint> endpoints;
  std::optional<std::vector<LocalAddress>> own;
  const auto add = [&](const Endpoint& endpoint) {
    const bool known = std::find(endpoints.begin(), endpoints.end(), endpoint) != endpoints.end();
    if (!known && endpoints.size() < kMaxEndpoints) endpoints.push_back(endpoint);
  };
  for (const Endpoint& local : bound) {
    if (!local.ip.is_unspecified()) {
      add(local);
      continue;
    }
    if (!own) own = local_addresses();
    if (!own) return endpoints;
    for (const LocalAddress& address : *own) {
      const IpAddress& ip = address.ip;
      const bool usable = !ip.is_loopback() && !ip.is_link_local() && !ip.is_multicast() &&
                          !ip.is_unspecified() && !is_excluded_interface(address.interface);
      if (usable && ip.family() == local.ip.family()) add({ip, local.port});
    }
  }
  return endpoints;
}

}  // namespace ztshim::host
