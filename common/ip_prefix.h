// Address ranges: an address and how many of its leading bits count.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "common/endpoint.h"

namespace ztshim {

// "10.147.17.5/24": also used for an assigned address, so the host bits are kept.
struct IpPrefix {
  IpAddress ip;
  unsigned bits = 0;

  // "ip/bits"; bits at most 32 or 128.
  static std::optional<IpPrefix> parse(std::string_view text);
  bool contains(const IpAddress& other) const;  // false across families
  IpAddress network() const;                    // host bits cleared
  IpAddress netmask() const;
  IpAddress broadcast() const;  // of IPv4 subnets that have one (not a /31 or /32), else empty
  bool is_default_route() const { return ip && bits == 0; }
  std::string text() const;
  auto operator<=>(const IpPrefix&) const = default;
};

// How many leading bits two addresses of one family share; 0 across families.
unsigned common_prefix_bits(const IpAddress& a, const IpAddress& b);

}  // namespace ztshim
