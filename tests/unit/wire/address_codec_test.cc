#include "service/wire/address_codec.h"

#include <gtest/gtest.h>

#include "service/wire/managed_ip.h"
#include "tests/unit/wire/fixtures.h"

namespace ztshim {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(AddressCodec, steps_over_reserved_types_to_the_next_field) {
  const Bytes bytes = bytes_of("01 aabbccddeeff 02 aabbccddeeff 03 0002 1122 04 0a000001 2709");
  Reader in(bytes);
  EXPECT_FALSE(read_address(in));
  EXPECT_FALSE(read_address(in));
  EXPECT_FALSE(read_address(in));
  EXPECT_EQ(read_address(in).text(), "10.0.0.1:9993");
  EXPECT_TRUE(in.at_end());
  EXPECT_FALSE(in.failed());
}

TEST(AddressCodec, fails_for_an_unknown_type) {
  const Bytes bytes = bytes_of("05 0a000001 2709");
  Reader in(bytes);
  EXPECT_FALSE(read_address(in));
  EXPECT_TRUE(in.failed());
}

TEST(AddressCodec, gives_no_half_address_when_the_port_is_cut_off) {
  const Bytes bytes = bytes_of("04 0a000001 27");
  Reader in(bytes);
  EXPECT_EQ(read_address(in), Endpoint{});
  EXPECT_TRUE(in.failed());
}

TEST(PrefixCodec, keeps_the_length_in_the_place_of_the_port) {
  const IpPrefix prefix = IpPrefix::parse("10.147.17.5/24").value();
  Bytes bytes;
  Writer out(bytes);
  write_prefix(out, prefix);
  EXPECT_EQ(to_hex(bytes), "040a9311050018");
  Reader in(bytes);
  EXPECT_EQ(read_prefix(in), prefix);
}

TEST(PrefixCodec, cuts_a_length_that_the_family_does_not_have) {
  const Bytes bytes = bytes_of("04 0a000001 ffff");
  Reader in(bytes);
  EXPECT_EQ(read_prefix(in).text(), "10.0.0.1/32");
}

TEST(Scopes, have_edges_where_the_notes_draw_them) {
  EXPECT_EQ(scope_of(ip("172.15.255.255")), Scope::Global);
  EXPECT_EQ(scope_of(ip("172.16.0.0")), Scope::Private);
  EXPECT_EQ(scope_of(ip("172.31.255.255")), Scope::Private);
  EXPECT_EQ(scope_of(ip("172.32.0.0")), Scope::Global);
  EXPECT_EQ(scope_of(ip("100.63.255.255")), Scope::Global);
  EXPECT_EQ(scope_of(ip("100.64.0.0")), Scope::Private);
  EXPECT_EQ(scope_of(ip("240.0.0.1")), Scope::PseudoPrivate);
  EXPECT_EQ(scope_of(ip("255.255.255.255")), Scope::None);
  EXPECT_EQ(scope_of(ip("fe80::1")), Scope::Loopback);
  EXPECT_EQ(scope_of(ip("fe80::2")), Scope::LinkLocal);
  EXPECT_EQ(scope_of(ip("::ffff:127.0.0.1")), Scope::Loopback);
  EXPECT_EQ(scope_of(ip("::ffff:10.0.0.1")), Scope::Global);
  EXPECT_EQ(scope_of(IpAddress()), Scope::None);
}

TEST(ManagedAddresses, name_their_member_within_their_network_only) {
  const NetworkId network(0x8056c2e21c000001);
  const Address member(0x89e92ceee5);
  EXPECT_EQ(rfc4193_address(network, member).text(), "fd80:56c2:e21c:0:199:9389:e92c:eee5/88");
  EXPECT_EQ(six_plane_address(network, member).text(), "fc9c:56c2:e389:e92c:eee5::1/40");
  EXPECT_EQ(member_of_six_plane(network, ip("fc9c:56c2:e389:e92c:eee5:1:2:3")), member);
  EXPECT_FALSE(member_of_six_plane(network, ip("fc9c:56c2:e489:e92c:eee5::1")));
  EXPECT_FALSE(member_of_rfc4193(network, ip("fc9c:56c2:e389:e92c:eee5::1")));
  EXPECT_FALSE(member_of_six_plane(network, ip("10.0.0.1")));
}

TEST(Macs, are_refused_unless_they_have_six_octets_between_colons) {
  EXPECT_TRUE(MacAddress::parse("02:89:E9:30:0c:27"));
  for (const char* text : {"", "02:89:e9:30:0c", "02-89-e9-30-0c-27", "02:89:e9:30:0c:2",
                           "02:89:e9:30:0c:2g", "02:89:e9:30:0c:27 "}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(Macs, avoid_the_octet_52) {
  const MacAddress mac =
      MacAddress::of_member(Address(0x89e92ceee5), NetworkId(0x1122334455667752));
  EXPECT_EQ(mac.text(), "32:fe:8f:79:aa:d6");
}

}  // namespace
}  // namespace ztshim
