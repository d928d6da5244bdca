// IP addresses and UDP/TCP endpoints as values, their text forms, and conversion to sockaddr.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/result.h"

namespace ztshim {

enum class IpFamily : std::uint8_t { None, V4, V6 };

// An IPv4 or IPv6 address, or none. IPv4 uses the first four bytes, the others stay zero. An
// IPv4-mapped IPv6 address is a V6 value; unmapped() turns it into V4.
class IpAddress {
 public:
  IpAddress() = default;
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v4(ByteView four_bytes);
  static IpAddress v6(ByteView sixteen_bytes);
  // "10.1.2.3" or "fd00::1"; no port, no prefix, no zone.
  static std::optional<IpAddress> parse(std::string_view text);

  IpFamily family() const { return family_; }
  bool is_v4() const { return family_ == IpFamily::V4; }
  bool is_v6() const { return family_ == IpFamily::V6; }
  explicit operator bool() const { return family_ != IpFamily::None; }
  ByteView bytes() const;           // 4, 16 or 0 bytes, network order
  std::uint32_t v4_number() const;  // host order; 0 unless V4
  unsigned bit_count() const { return is_v4() ? 32 : is_v6() ? 128 : 0; }

  bool is_unspecified() const;  // 0.0.0.0, ::
  bool is_loopback() const;     // 127/8, ::1, and IPv4-mapped 127/8
  bool is_multicast() const;
  bool is_link_local() const;
  bool needs_scope() const;  // IPv6 addresses and groups of one link
  bool is_v4_mapped() const;
  IpAddress unmapped() const;  // IPv4-mapped V6 -> V4; all else unchanged
  IpAddress mapped() const;    // V4 -> IPv4-mapped V6; all else unchanged

  std::string text() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  IpFamily family_ = IpFamily::None;
};

// An address and a port (host order).
struct Endpoint {
  IpAddress ip;
  std::uint16_t port = 0;
  // The interface's index where the address means nothing without one (IPv6 link-local addresses
  // and groups); 0 everywhere else.
  std::uint32_t scope = 0;

  // EINVAL: length too short for the family; EAFNOSUPPORT: neither AF_INET nor AF_INET6.
  static Result<Endpoint, std::errc> from_sockaddr(const sockaddr* address, socklen_t length);
  // "10.1.2.3:80", "[fd00::1]:80", and the protocol's "10.1.2.3/80" (packets 5).
  static std::optional<Endpoint> parse(std::string_view text);

  // Fills `to` for a socket of `family` (AF_INET or AF_INET6: IPv4 becomes IPv4-mapped there) and
  // returns the length. An empty address becomes the family's wildcard.
  socklen_t to_sockaddr(sockaddr_storage& to, int family) const;
  socklen_t to_sockaddr(sockaddr_storage& to) const;

  explicit operator bool() const { return static_cast<bool>(ip); }
  std::string text() const;           // "10.1.2.3:80", "[fd00::1]:80"
  std::string protocol_text() const;  // "10.1.2.3/80"
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace ztshim

template <>
struct std::hash<ztshim::IpAddress> {
  std::size_t operator()(const ztshim::IpAddress& ip) const noexcept {
    std::size_t h = static_cast<std::size_t>(ip.family());
    for (const std::uint8_t byte : ip.bytes()) h = h * 1099511628211ULL ^ byte;
    return h;
  }
};
template <>
struct std::hash<ztshim::Endpoint> {
  std::size_t operator()(const ztshim::Endpoint& e) const noexcept {
    return std::hash<ztshim::IpAddress>{}(e.ip) * 31 + e.port;
  }
};
