#include "service/stack/icmp_error.h"

#include <algorithm>
#include <cerrno>

#include "common/reader.h"
#include "service/stack/internet_checksum.h"

namespace ztshim::stack {
namespace {

constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58;
constexpr std::uint8_t kUnreachable = 3, kTimeExceeded = 11, kParameterProblem = 12;
constexpr std::uint8_t kFragmentationNeeded = 4;
constexpr std::uint8_t kUnreachable6 = 1, kTooBig6 = 2, kTimeExceeded6 = 3, kParameterProblem6 = 4;
// No link of the Internet carries less; smaller values would only make us send crumbs.
constexpr unsigned kLeastMtu = 552;  // Linux' min_pmtu
constexpr unsigned kLeastMtu6 = 1280;

// As Linux tells them apart.
bool is_hard(std::uint8_t type, std::uint8_t code) {
  if (type == kParameterProblem) return true;
  if (type != kUnreachable) return false;
  return code == 2 || code == 3 || (code >= 6 && code <= 10) || code >= 13;
}

bool is_hard6(std::uint8_t type, std::uint8_t code) {
  if (type == kParameterProblem6) return true;
  return type == kUnreachable6 && (code == 1 || code == 4 || code == 5 || code == 6);
}

// Addresses and ports of the packet quoted in an error; ours is the sender.
bool read_quoted(ByteView quoted, bool is_v6, IcmpError& about) {
  Reader in(quoted);
  if (is_v6) {
    const auto first = in.be<std::uint32_t>();
    in.take(2);
    about.protocol = in.be<std::uint8_t>();
    in.take(1);
    about.local.ip = IpAddress::v6(in.take(16));
    about.remote.ip = IpAddress::v6(in.take(16));
    if (first >> 28 != 6) return false;
  } else {
    const auto first = in.be<std::uint8_t>();
    in.take(8);
    about.protocol = in.be<std::uint8_t>();
    in.take(2);
    about.local.ip = IpAddress::v4(in.take(4));
    about.remote.ip = IpAddress::v4(in.take(4));
    const std::size_t header = (first & 0x0fU) * 4;
    if (first >> 4 != 4 || header < 20) return false;
    in.take(header - 20);
  }
  if (about.protocol != kTcp && about.protocol != kUdp && about.protocol != kIcmp &&
      about.protocol != kIcmpv6) {
    return false;
  }
  const ByteView transport = in.rest();
  about.local.port = in.be<std::uint16_t>();
  about.remote.port = in.be<std::uint16_t>();
  if (about.protocol == kTcp) about.sequence = in.be<std::uint32_t>();
  if (about.protocol == kIcmp || about.protocol == kIcmpv6) {
    // An echo: type, code and checksum, then the identifier, which stands for the port.
    about.remote.port = 0;
    about.local.port = in.be<std::uint16_t>();
    in.take(2);
  }
  if (about.protocol == kUdp) in.take(4);
  if (in.failed()) return false;
  const bool is_echo = about.protocol == kIcmp || about.protocol == kIcmpv6;
  about.quoted = to_bytes(is_echo ? transport : in.rest());
  return true;
}

std::optional<IcmpError> parse_v4(ByteView packet) {
  const std::size_t header = (packet[0] & 0x0fU) * 4;
  if (packet[9] != kIcmp || header < 20 || packet.size() < header + 8) return std::nullopt;
  const std::size_t total = static_cast<std::size_t>(packet[2]) << 8 | packet[3];
  if (total < header + 8 || total > packet.size()) return std::nullopt;
  const ByteView icmp = packet.subspan(header, total - header);
  const std::uint8_t type = icmp[0], code = icmp[1];
  IcmpError about;
  about.from = IpAddress::v4(packet.subspan(12, 4));
  about.type = type;
  about.code = code;
  about.is_hard = is_hard(type, code);
  if (type == kUnreachable && code == kFragmentationNeeded) {
    const unsigned mtu = static_cast<unsigned>(icmp[6] << 8 | icmp[7]);
    about.mtu = std::max(mtu, kLeastMtu);
  } else if (type == kUnreachable) {
    about.error = errno_of_unreachable(code, false);
  } else if (type == kTimeExceeded) {
    about.error = std::errc::host_unreachable;
  } else if (type == kParameterProblem) {
    about.error = std::errc::protocol_error;
  } else {
    return std::nullopt;
  }
  if (internet_sum(icmp) != 0xffff || !read_quoted(icmp.subspan(8), false, about))
    return std::nullopt;
  return about;
}

std::optional<IcmpError> parse_v6(ByteView packet) {
  constexpr std::size_t kHeader = 40;
  if (packet[6] != kIcmpv6 || packet.size() < kHeader + 8) return std::nullopt;
  const std::size_t length = static_cast<std::size_t>(packet[4]) << 8 | packet[5];
  if (length < 8 || kHeader + length > packet.size()) return std::nullopt;
  const ByteView icmp = packet.subspan(kHeader, length);
  const std::uint8_t type = icmp[0], code = icmp[1];
  IcmpError about;
  about.from = IpAddress::v6(packet.subspan(8, 16));
  about.type = type;
  about.code = code;
  about.is_hard = is_hard6(type, code);
  if (type == kUnreachable6) {
    about.error = errno_of_unreachable(code, true);
  } else if (type == kTooBig6) {
    Reader in(icmp.subspan(4));
    about.mtu = std::clamp<unsigned>(in.be<std::uint32_t>(), kLeastMtu6, 0xffff);
  } else if (type == kTimeExceeded6) {
    about.error = std::errc::host_unreachable;
  } else if (type == kParameterProblem6) {
    about.error = std::errc::protocol_error;
  } else {
    return std::nullopt;
  }
  if (internet_sum(packet.subspan(8, 32), kIcmpv6, icmp) != 0xffff ||
      !read_quoted(icmp.subspan(8), true, about)) {
    return std::nullopt;
  }
  return about;
}

}  // namespace

std::errc errno_of_unreachable(std::uint8_t code, bool is_v6) {
  if (is_v6) {
    switch (code) {
      case 0:  // no route
        return std::errc::network_unreachable;
      case 4:
        return std::errc::connection_refused;
      case 1:  // forbidden
      case 5:  // the source address is not allowed
      case 6:  // the route rejects
        return std::errc::permission_denied;
      default:  // beyond scope, address
        return std::errc::host_unreachable;
    }
  }
  switch (code) {
    case 0:   // network
    case 6:   // network unknown
    case 9:   // network forbidden
    case 11:  // network, for this type of service
      return std::errc::network_unreachable;
    case 2:
      return std::errc::no_protocol_option;
    case 3:
      return std::errc::connection_refused;
    case 5:
      return std::errc::operation_not_supported;
    case 7:
      return std::errc{EHOSTDOWN};
    case 8:
      return std::errc{ENONET};
    default:  // host, in all its forms, and filters
      return std::errc::host_unreachable;
  }
}

std::optional<IcmpError> parse_icmp_error(ByteView packet, bool is_v6) {
  return is_v6 ? parse_v6(packet) : parse_v4(packet);
}

}  // namespace ztshim::stack
