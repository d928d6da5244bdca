#include "service/wire/managed_ip.h"

#include "common/reader.h"
#include "common/writer.h"

namespace ztshim {
namespace {

constexpr std::uint8_t kRfc4193First = 0xfd;
constexpr std::uint16_t kRfc4193Middle = 0x9993;
constexpr unsigned kRfc4193Bits = 88;
constexpr std::uint8_t kSixPlaneFirst = 0xfc;
constexpr unsigned kSixPlaneBits = 40;

std::uint32_t folded(NetworkId network) {
  return static_cast<std::uint32_t>(network.number() ^ network.number() >> 32);
}

// The member behind the first `prefix_bits` of `ip`, if these are the same as in `own`.
std::optional<Address> member_behind(const IpPrefix& own, const IpAddress& ip) {
  if (!own.contains(ip)) return std::nullopt;
  Reader in(ip.bytes());
  in.take(own.bits / 8);
  return Address::read(in);
}

}  // namespace

IpPrefix rfc4193_address(NetworkId network, Address member) {
  Bytes bytes;
  Writer out(bytes);
  out.be(kRfc4193First).be(network.number()).be(kRfc4193Middle);
  member.write(out);
  return {IpAddress::v6(bytes), kRfc4193Bits};
}

IpPrefix six_plane_address(NetworkId network, Address member) {
  Bytes bytes;
  Writer out(bytes);
  out.be(kSixPlaneFirst).be(folded(network));
  member.write(out);
  out.zeroes(5).be(std::uint8_t{1});
  return {IpAddress::v6(bytes), kSixPlaneBits};
}

std::optional<Address> member_of_rfc4193(NetworkId network, const IpAddress& ip) {
  return member_behind(rfc4193_address(network, Address()), ip);
}

std::optional<Address> member_of_six_plane(NetworkId network, const IpAddress& ip) {
  return member_behind(six_plane_address(network, Address()), ip);
}

IpPrefix link_local_address(MacAddress mac) {
  constexpr std::uint64_t kUniversalBit = 0x020000000000ULL;
  const std::uint64_t number = mac.number() & ~kUniversalBit;
  Bytes bytes;
  Writer out(bytes);
  out.be(std::uint16_t{0xfe80}).zeroes(6);
  out.be_bytes(number >> 24, 3).be(std::uint16_t{0xfffe}).be_bytes(number, 3);
  return {IpAddress::v6(bytes), 64};
}

}  // namespace ztshim
