#include "common/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace ztshim {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress ip;
  ip.family_ = IpFamily::V4;
  for (std::size_t i = 0; i < 4; ++i) {
    ip.bytes_[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  }
  return ip;
}

IpAddress IpAddress::v4(ByteView four_bytes) {
  IpAddress ip;
  if (four_bytes.size() != 4) return ip;
  ip.family_ = IpFamily::V4;
  std::copy(four_bytes.begin(), four_bytes.end(), ip.bytes_.begin());
  return ip;
}

IpAddress IpAddress::v6(ByteView sixteen_bytes) {
  IpAddress ip;
  if (sixteen_bytes.size() != 16) return ip;
  ip.family_ = IpFamily::V6;
  std::copy(sixteen_bytes.begin(), sixteen_bytes.end(), ip.bytes_.begin());
  return ip;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof buffer) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  std::array<std::uint8_t, 16> raw{};
  if (inet_pton(AF_INET, buffer, raw.data()) == 1) return v4(ByteView(raw).first(4));
  if (inet_pton(AF_INET6, buffer, raw.data()) == 1) return v6(raw);
  return std::nullopt;
}

ByteView IpAddress::bytes() const { return ByteView(bytes_).first(bit_count() / 8); }

std::uint32_t IpAddress::v4_number() const {
  if (!is_v4()) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes_[i];
  return value;
}

bool IpAddress::is_unspecified() const {
  return family_ != IpFamily::None &&
         std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  if (!is_v6()) return false;
  if (is_v4_mapped()) return bytes_[12] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
         bytes_[15] == 1;
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : is_v6() && bytes_[0] == 0xff;
}

bool IpAddress::is_link_local() const {
  return is_v4() ? bytes_[0] == 169 && bytes_[1] == 254
                 : is_v6() && bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::needs_scope() const {
  if (!is_v6()) return false;
  if (!is_multicast()) return is_link_local();
  const int scope = bytes_[1] & 0x0f;
  return scope == 1 || scope == 2;  // of the interface, of the link
}

bool IpAddress::is_v4_mapped() const {
  return is_v6() && std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

IpAddress IpAddress::unmapped() const {
  return is_v4_mapped() ? v4(ByteView(bytes_).subspan(12, 4)) : *this;
}

IpAddress IpAddress::mapped() const {
  if (!is_v4()) return *this;
  IpAddress ip;
  ip.family_ = IpFamily::V6;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), ip.bytes_.begin());
  std::copy_n(bytes_.begin(), 4, ip.bytes_.begin() + 12);
  return ip;
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (is_v4()) inet_ntop(AF_INET, bytes_.data(), buffer, sizeof buffer);
  if (is_v6()) inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
  return buffer;
}

Result<Endpoint, std::errc> Endpoint::from_sockaddr(const sockaddr* address, socklen_t length) {
  if (address == nullptr || length < sizeof(sa_family_t))
    return failure(std::errc::invalid_argument);
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    if (length < sizeof in) return failure(std::errc::invalid_argument);
    std::memcpy(&in, address, sizeof in);
    return Endpoint{IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
  }
  if (address->sa_family == AF_INET6) {
    // Linux takes the short RFC 2133 form (24 bytes, without scope id) as well.
    constexpr socklen_t kShortForm = offsetof(sockaddr_in6, sin6_scope_id);
    sockaddr_in6 in{};
    if (length < kShortForm) return failure(std::errc::invalid_argument);
    std::memcpy(&in, address, std::min<std::size_t>(length, sizeof in));
    Endpoint endpoint{IpAddress::v6(ByteView(in.sin6_addr.s6_addr, 16)), ntohs(in.sin6_port)};
    if (endpoint.ip.needs_scope()) endpoint.scope = in.sin6_scope_id;
    return endpoint;
  }
  return failure(std::errc::address_family_not_supported);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  std::string_view host;
  std::string_view port;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    host = text.substr(0, slash);
    port = text.substr(slash + 1);
  } else if (!text.empty() && text.front() == '[') {
    const auto close = text.find("]:");
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    port = text.substr(close + 2);
  } else {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || text.find(':') != colon) return std::nullopt;
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const auto ip = IpAddress::parse(host);
  const auto number = parse_port(port);
  if (!ip || !number) return std::nullopt;
  return Endpoint{*ip, *number};
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& to, int family) const {
  std::memset(&to, 0, sizeof to);
  if (family == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(ip.unmapped().v4_number());
    std::memcpy(&to, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  if (ip) std::memcpy(in.sin6_addr.s6_addr, ip.mapped().bytes().data(), 16);
  in.sin6_scope_id = scope;
  std::memcpy(&to, &in, sizeof in);
  return sizeof in;
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& to) const {
  return to_sockaddr(to, ip.is_v6() ? AF_INET6 : AF_INET);
}

std::string Endpoint::text() const {
  return ip.is_v6() ? '[' + ip.text() + "]:" + std::to_string(port)
                    : ip.text() + ':' + std::to_string(port);
}

std::string Endpoint::protocol_text() const { return ip.text() + '/' + std::to_string(port); }

}  // namespace ztshim
