// inetaddress.json: socket addresses on the wire, their reach, and prefixes.
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

  Bytes serialized;
  Writer out(serialized);
  write_address(out, endpoint);
  EXPECT_EQ(to_hex(serialized), text("serialized"));
  Reader in(serialized);
  EXPECT_EQ(read_address(in), endpoint);
  EXPECT_TRUE(in.at_end());
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

// The reference's text parser takes nearly everything, 256.1.1.1 and a number of 99999 included.
// Ours takes whole addresses with a number only; where it takes a text, it must read the same in
// it.
TEST_P(AddressText, means_what_the_reference_reads_in_it) {
  const auto endpoint = Endpoint::parse(text("input"));
  if (endpoint) {
    EXPECT_TRUE(flag("accepted"));
    EXPECT_EQ(endpoint->protocol_text(), text("string"));
  }
  if (!text("input").empty() && text("input") == text("string")) {
    EXPECT_TRUE(endpoint) << "the canonical form is never refused";
  }
}

VECTOR_SUITE(Prefixes, "inetaddress.json", "prefix");

TEST_P(Prefixes, have_the_recorded_mask_and_network) {
  const auto prefix = IpPrefix::parse(text("name"));
  ASSERT_TRUE(prefix);
  const std::string bits = '/' + std::to_string(prefix->bits);
  EXPECT_EQ(prefix->netmask().text() + bits, text("netmask"));
  EXPECT_EQ(prefix->network().text() + bits, text("network"));
  // The reference calls a full-length prefix no network; we have no use for the distinction.
  if (prefix->bits < prefix->ip.bit_count()) {
    EXPECT_EQ(prefix->network() == prefix->ip, flag("is_network"));
  }
}

VECTOR_SUITE(PrefixContains, "inetaddress.json", "contains");

TEST_P(PrefixContains, answers_as_recorded) {
  const auto prefix = IpPrefix::parse(text("network"));
  const auto address = Endpoint::parse(text("address"));
  ASSERT_TRUE(prefix && address);
  if (prefix->ip.is_v6() && prefix->network() != prefix->ip) {
    // With IPv6 the reference compares host bits of the network as well; we mask in both families.
    IpPrefix clean = *prefix;
    clean.ip = prefix->network();
    EXPECT_EQ(prefix->contains(address->ip), clean.contains(address->ip));
    return;
  }
  EXPECT_EQ(prefix->contains(address->ip), flag("contains"));
}

}  // namespace
}  // namespace ztshim::vectors
