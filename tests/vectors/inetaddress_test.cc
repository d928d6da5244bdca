// inetaddress.json: socket addresses on the wire, their reach, and prefixes.
#include <cstdlib>

#include "common/ip_prefix.h"
#include "service/wire/address_codec.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

VECTOR_SUITE(Addresses, "inetaddress.json", "addresses");

TEST_P(Addresses, are_written_read_and_judged_as_recorded) {
  Endpoint endpoint;
  if (!text("string").empty()) {
    const auto parsed = Endpoint::parse(text("string"));
    ASSERT_TRUE(parsed);
    endpoint = *parsed;
  }
  EXPECT_EQ(address_text(endpoint), text("string"));
  EXPECT_EQ(endpoint.ip.text(), text("ip_string"));
  EXPECT_EQ(endpoint.port, number("port"));
  EXPECT_EQ(static_cast<unsigned>(scope_of(endpoint.ip)), number("scope"));
  EXPECT_EQ(file("inetaddress.json").at("scope_values").at(text("scope_name")), number("scope"));

  Bytes serialized;
  Writer out(serialized);
  write_address(out, endpoint);
  EXPECT_EQ(to_hex(serialized), text("serialized"));
  Reader in(serialized);
  EXPECT_EQ(read_address(in), endpoint);
  EXPECT_TRUE(in.at_end());
}

TEST(ScopeValues, are_the_recorded_ones) {
  const Json expected{{"none", Scope::None},         {"multicast", Scope::Multicast},
                      {"loopback", Scope::Loopback}, {"pseudoprivate", Scope::PseudoPrivate},
                      {"global", Scope::Global},     {"link_local", Scope::LinkLocal},
                      {"shared", Scope::Shared},     {"private", Scope::Private}};
  EXPECT_EQ(file("inetaddress.json").at("scope_values"), expected);
}

VECTOR_SUITE(AddressDeserialize, "inetaddress.json", "deserialize");

TEST_P(AddressDeserialize, reads_or_refuses_as_recorded) {
  const Bytes serialized = bytes("serialized");
  Reader in(serialized);
  const Endpoint endpoint = read_address(in);
  ASSERT_EQ(!in.failed(), flag("ok"));
  if (!flag("ok")) return;
  EXPECT_EQ(serialized.size() - in.remaining(), number("consumed"));
  EXPECT_EQ(address_text(endpoint), text("string"));
  EXPECT_EQ(!endpoint, flag("is_null"));
}

VECTOR_SUITE(AddressText, "inetaddress.json", "parse");

// What the reference's text parser makes of anything: a dot or colon decides the family, an address
// that is none becomes the unspecified one, the number is cut to 16 bits.
struct Lenient {
  bool accepted = true;
  int family = 0;
  std::string text;
};
Lenient lenient(const std::string& input) {
  if (input.empty()) return {};
  const std::string host = input.substr(0, input.find('/'));
  const bool is_v6 = host.find(':') != std::string::npos;
  if (!is_v6 && host.find('.') == std::string::npos) return {false, 0, {}};
  const IpAddress ip =
      IpAddress::parse(host).value_or(is_v6 ? IpAddress::v6(Bytes(16)) : IpAddress::v4(0));
  const auto slash = input.find('/');
  const auto number =
      slash == std::string::npos ? 0UL : std::strtoul(input.c_str() + slash + 1, nullptr, 10);
  return {true, is_v6 ? 6 : 4, ip.text() + '/' + std::to_string(number & 0xffff)};
}

// Ours takes whole addresses with a number only. Where it takes a text, it reads the same in it.
TEST_P(AddressText, means_what_the_reference_reads_in_it) {
  const Lenient reference = lenient(text("input"));
  EXPECT_EQ(reference.accepted, flag("accepted"));
  EXPECT_EQ(reference.family, data().at("family").get<int>());
  EXPECT_EQ(reference.text, text("string"));

  const auto endpoint = Endpoint::parse(text("input"));
  if (endpoint) {
    EXPECT_EQ(endpoint->protocol_text(), text("string"));
  }
  if (!text("input").empty() && text("input") == text("string")) {
    EXPECT_TRUE(endpoint) << "the canonical form is never refused";
  }
}

VECTOR_SUITE(Prefixes, "inetaddress.json", "prefix");

// The highest address of an IPv4 prefix; we have no use for it outside of this test.
std::string broadcast_text(const IpPrefix& prefix) {
  if (!prefix.ip.is_v4()) return {};
  const std::uint32_t hosts = ~prefix.netmask().v4_number();
  // With no host bits at all the reference says 255.255.255.255.
  const std::uint32_t highest = hosts == 0 ? ~0U : prefix.network().v4_number() | hosts;
  return IpAddress::v4(highest).text() + '/' + std::to_string(prefix.bits);
}

TEST_P(Prefixes, have_the_recorded_mask_and_network) {
  const auto network = IpPrefix::parse(text("network"));
  ASSERT_TRUE(network);
  EXPECT_EQ(network->network(), network->ip);
  EXPECT_EQ(network->netmask().text() + '/' + std::to_string(network->bits), text("netmask"));
  EXPECT_EQ(broadcast_text(*network), text("broadcast"));

  // The address itself stands in no field but the name.
  const auto prefix = IpPrefix::parse(text("name"));
  if (!prefix) return;
  EXPECT_EQ(prefix->bits, network->bits);
  EXPECT_EQ(prefix->network(), network->ip);
  // The reference calls a prefix without host bits no network.
  const bool has_host_bits = prefix->bits < prefix->ip.bit_count();
  EXPECT_EQ(has_host_bits && prefix->network() == prefix->ip, flag("is_network"));
}

VECTOR_SUITE(PrefixContains, "inetaddress.json", "contains");

TEST_P(PrefixContains, answers_as_recorded) {
  const auto prefix = IpPrefix::parse(text("network"));
  const auto address = Endpoint::parse(text("address"));
  ASSERT_TRUE(prefix && address);
  const bool unmasked_v6 = prefix->ip.is_v6() && prefix->network() != prefix->ip;
  if (!unmasked_v6) {
    EXPECT_EQ(prefix->contains(address->ip), flag("contains"));
    return;
  }
  // With IPv6 the reference compares the network's host bits with zeroes, so nothing is ever
  // inside. We mask in both families.
  EXPECT_FALSE(flag("contains"));
  EXPECT_EQ(prefix->contains(address->ip),
            (IpPrefix{prefix->network(), prefix->bits}.contains(address->ip)));
}

}  // namespace
}  // namespace ztshim::vectors
