#include "service/wire/messages/network_config.h"

#include <gtest/gtest.h>

#include "service/wire/dictionary.h"
#include "service/wire/network_config_dictionary.h"
#include "tests/unit/wire/fixtures.h"

namespace ztshim {
namespace {

const NetworkId kNetwork(identity_a().address().number() << 24 | 7);

NetworkConfig full_config() {
  NetworkConfig config;
  config.network = kNetwork;
  config.timestamp = 1700000000000;
  config.credential_max_delta = 7200000;
  config.revision = 3;
  config.issued_to = identity_b().address();
  config.flags = NetworkConfig::kFlagBroadcast;
  config.multicast_limit = 32;
  config.is_public = true;
  config.name = "a=b\n";
  config.mtu = 1400;
  config.membership = Membership::make(1700000000000, 7200000, kNetwork, identity_b());
  Capability capability;
  capability.network = kNetwork;
  capability.id = 1;
  config.capabilities = {capability};
  Tag tag;
  tag.id = 2;
  config.tags = {tag};
  config.ownerships = {Ownership{}};
  config.specialists = {Specialist{Specialist::kActiveBridge | 0x0102030405}};
  config.routes = {{*IpPrefix::parse("10.1.0.0/16"), {}, 0, 0},
                   {*IpPrefix::parse("0.0.0.0/0"), *IpAddress::parse("10.1.0.1"), 0, 5}};
  config.managed_addresses = {*IpPrefix::parse("10.1.2.3/16"), *IpPrefix::parse("fd00::5/64")};
  config.rules = {Rule{RuleType::ActionAccept, false, false, {}}};
  config.dns.domain = "example.org";
  config.dns.servers[0] = *IpAddress::parse("10.1.0.53");
  return config;
}

TEST(NetworkConfigDictionary, reads_back_what_it_wrote) {
  const NetworkConfig config = full_config();
  EXPECT_EQ(NetworkConfig::parse(config.write()), config);
  EXPECT_TRUE(config.is_active_bridge(Address(0x0102030405)));
  EXPECT_FALSE(config.is_active_bridge(Address(0x0102030406)));
}

TEST(NetworkConfigDictionary, single_sign_on_of_both_versions_survives) {
  NetworkConfig config = full_config();
  config.sso.enabled = true;
  config.sso.authentication_url = "https://sso.example.org/?a=b";
  config.sso.authentication_expiry = 1700000000000;
  EXPECT_EQ(NetworkConfig::parse(config.write()), config);

  config.sso = NetworkSso{};
  config.sso.enabled = true;
  config.sso.version = 1;
  config.sso.issuer_url = "https://issuer.example.org";
  config.sso.central_url = "https://central.example.org";
  config.sso.nonce = "n";
  config.sso.state = "s";
  config.sso.client_id = "c";
  config.sso.provider = "default";
  EXPECT_EQ(NetworkConfig::parse(config.write()), config);
}

TEST(NetworkConfigDictionary, cuts_lists_at_their_limits) {
  NetworkConfig config = full_config();
  config.routes.resize(NetworkConfig::kMaxRoutes + 1, config.routes[0]);
  config.managed_addresses.resize(NetworkConfig::kMaxManagedAddresses + 1,
                                  config.managed_addresses[0]);
  config.specialists.resize(NetworkConfig::kMaxSpecialists + 1, config.specialists[0]);
  config.rules.resize(kMaxNetworkRules + 1, config.rules[0]);
  config.tags.resize(NetworkConfig::kMaxTags + 1);
  config.capabilities.resize(NetworkConfig::kMaxCapabilities + 1);
  config.ownerships.resize(NetworkConfig::kMaxOwnerships + 1);
  const auto read = NetworkConfig::parse(config.write());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->routes.size(), NetworkConfig::kMaxRoutes);
  EXPECT_EQ(read->managed_addresses.size(), NetworkConfig::kMaxManagedAddresses);
  EXPECT_EQ(read->specialists.size(), NetworkConfig::kMaxSpecialists);
  EXPECT_EQ(read->rules.size(), kMaxNetworkRules);
  EXPECT_EQ(read->tags.size(), NetworkConfig::kMaxTags);
  EXPECT_EQ(read->capabilities.size(), NetworkConfig::kMaxCapabilities);
  EXPECT_EQ(read->ownerships.size(), NetworkConfig::kMaxOwnerships);
}

TEST(NetworkConfigDictionary, keeps_the_tags_before_a_damaged_one_sorted_by_id) {
  NetworkConfig config = full_config();
  config.tags.clear();
  Bytes tags;
  Writer out(tags);
  for (const std::uint32_t id : {9U, 4U}) {
    Tag tag;
    tag.id = id;
    tag.write(out);
  }
  tags.resize(tags.size() + 20, 0);
  DictionaryWriter text;
  text.add_number("v", 7).add_number("nwid", kNetwork.number());
  text.add_address("id", config.issued_to).add("TAG", tags);
  const auto read = NetworkConfig::parse(text.bytes());
  ASSERT_TRUE(read);
  ASSERT_EQ(read->tags.size(), 2U);
  EXPECT_EQ(read->tags[0].id, 4U);
  EXPECT_EQ(read->tags[1].id, 9U);
}

TEST(NetworkConfigDictionary, configures_nothing_from_null_addresses) {
  NetworkConfig config = full_config();
  config.routes = {{IpPrefix{}, {}, 0, 0}};
  config.managed_addresses = {IpPrefix{}};
  const auto read = NetworkConfig::parse(config.write());
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->routes.empty());
  EXPECT_TRUE(read->managed_addresses.empty());
}

TEST(NetworkConfigDictionary, says_what_is_wrong_with_it) {
  const Bytes too_large(Dictionary::kMaxNetworkConfig + 1, 'x');
  EXPECT_EQ(NetworkConfig::parse(too_large).error(), ParseError::TooMany);
  EXPECT_EQ(NetworkConfig::parse({}).error(), ParseError::BadValue);
}

TEST(ConfigChunks, carry_a_long_dictionary_in_pieces_that_fit) {
  const Bytes dictionary(2 * ConfigChunk::kMaxData + 1, 'x');
  const auto payloads = ConfigChunk::split(kNetwork, dictionary, 42, identity_a());
  ASSERT_EQ(payloads.size(), 3U);
  Bytes joined;
  for (const Bytes& payload : payloads) {
    const auto chunk = ConfigChunk::parse(payload);
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->offset, joined.size());
    EXPECT_EQ(chunk->total_size, dictionary.size());
    EXPECT_TRUE(chunk->verify(identity_a()));
    EXPECT_FALSE(chunk->verify(identity_b()));
    append(joined, chunk->data);
  }
  EXPECT_EQ(joined, dictionary);
}

Bytes chunk_with(std::uint32_t total, std::uint32_t offset) {
  ConfigChunk chunk;
  chunk.network = kNetwork;
  const Bytes data(10, 'x');
  chunk.data = data;
  chunk.total_size = total;
  chunk.offset = offset;
  chunk.signature.emplace();
  return written(chunk);
}

TEST(ConfigChunks, must_lie_inside_a_dictionary_of_bounded_size) {
  EXPECT_TRUE(ConfigChunk::parse(chunk_with(10, 0)));
  EXPECT_EQ(ConfigChunk::parse(chunk_with(10, 1)).error(), ParseError::BadValue);
  EXPECT_EQ(ConfigChunk::parse(chunk_with(10, 0xffffffff)).error(), ParseError::BadValue);
  EXPECT_EQ(ConfigChunk::parse(chunk_with(Dictionary::kMaxNetworkConfig + 1, 0)).error(),
            ParseError::BadValue);
}

TEST(ConfigChunks, have_one_kind_of_signature) {
  Bytes payload = chunk_with(10, 0);
  constexpr std::size_t kSignatureType = 8 + 2 + 10 + 1 + 8 + 4 + 4;
  payload[kSignatureType] = 2;
  EXPECT_EQ(ConfigChunk::parse(payload).error(), ParseError::BadValue);
  payload.resize(kSignatureType + 50);
  EXPECT_EQ(ConfigChunk::parse(payload).error(), ParseError::Truncated);
}

}  // namespace
}  // namespace ztshim
