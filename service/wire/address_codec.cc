#include "service/wire/address_codec.h"

#include <algorithm>
#include <array>

namespace ztshim {
namespace {

constexpr std::uint8_t kNone = 0;
constexpr std::uint8_t kEthernet = 1;
constexpr std::uint8_t kBluetooth = 2;
constexpr std::uint8_t kOther = 3;
constexpr std::uint8_t kIpv4 = 4;
constexpr std::uint8_t kIpv6 = 6;

void write_ip(Writer& out, const IpAddress& ip, std::uint16_t number) {
  if (!ip) {
    out.be(kNone);
    return;
  }
  out.be(ip.is_v4() ? kIpv4 : kIpv6).bytes(ip.bytes()).be(number);
}

Scope scope_of_v4(std::uint32_t ip) {
  const std::uint32_t first = ip >> 24;
  const auto in = [ip](std::uint32_t network, unsigned bits) {
    return (ip ^ network) >> (32 - bits) == 0;
  };
  if (first == 0 || first == 255) return Scope::None;
  if (first == 127) return Scope::Loopback;
  if (in(0xe0000000, 4)) return Scope::Multicast;
  if (in(0xa9fe0000, 16)) return Scope::LinkLocal;
  struct Range {
    std::uint32_t network;
    unsigned bits;
  };
  constexpr std::array<Range, 8> kPrivate{{{0x0a000000, 8},     // 10/8
                                           {0x64400000, 10},    // 100.64/10
                                           {0xac100000, 12},    // 172.16/12
                                           {0xc0a80000, 16},    // 192.168/16
                                           {0xc0000200, 24},    // 192.0.2/24
                                           {0xc6120000, 15},    // 198.18/15
                                           {0xc6336400, 24},    // 198.51.100/24
                                           {0xcb007100, 24}}};  // 203.0.113/24
  for (const Range& range : kPrivate) {
    if (in(range.network, range.bits)) return Scope::Private;
  }
  // Registered /8 blocks that are hardly seen on the internet and are used privately.
  constexpr std::array<std::uint32_t, 12> kPseudoPrivate{6,  11, 21, 22, 25, 26,
                                                         28, 29, 30, 51, 55, 56};
  const bool listed =
      std::find(kPseudoPrivate.begin(), kPseudoPrivate.end(), first) != kPseudoPrivate.end();
  return listed || first >= 240 ? Scope::PseudoPrivate : Scope::Global;
}

Scope scope_of_v6(const IpAddress& ip) {
  const ByteView b = ip.bytes();
  const bool ends_in_one =
      b[15] == 1 && std::all_of(b.begin() + 2, b.end() - 1, [](std::uint8_t x) { return x == 0; });
  if (ip.is_multicast()) return Scope::Multicast;
  if (b[0] == 0xfe && b[1] == 0x80 && ends_in_one) return Scope::Loopback;  // fe80::1 by the notes
  if (ip.is_loopback()) return Scope::Loopback;
  if (ip.is_link_local()) return Scope::LinkLocal;
  if ((b[0] & 0xfe) == 0xfc) return Scope::Private;
  return ip.is_unspecified() ? Scope::None : Scope::Global;
}

}  // namespace

void write_address(Writer& out, const Endpoint& endpoint) {
  write_ip(out, endpoint.ip, endpoint.port);
}

Endpoint read_address(Reader& in) {
  Endpoint endpoint;
  switch (in.be<std::uint8_t>()) {
    case kNone:
      break;
    case kEthernet:
    case kBluetooth:
      in.take(6);
      break;
    case kOther:
      in.take(in.be<std::uint16_t>());
      break;
    case kIpv4:
      endpoint.ip = IpAddress::v4(in.take(4));
      endpoint.port = in.be<std::uint16_t>();
      break;
    case kIpv6:
      endpoint.ip = IpAddress::v6(in.take(16));
      endpoint.port = in.be<std::uint16_t>();
      break;
    default:
      in.fail();
  }
  return in.failed() ? Endpoint{} : endpoint;
}

void write_prefix(Writer& out, const IpPrefix& prefix) {
  write_ip(out, prefix.ip, static_cast<std::uint16_t>(prefix.bits));
}

IpPrefix read_prefix(Reader& in) {
  const Endpoint raw = read_address(in);
  return {raw.ip, std::min<unsigned>(raw.port, raw.ip.bit_count())};
}

Scope scope_of(const IpAddress& ip) {
  if (ip.is_v4()) return scope_of_v4(ip.v4_number());
  return ip.is_v6() ? scope_of_v6(ip) : Scope::None;
}

}  // namespace ztshim
