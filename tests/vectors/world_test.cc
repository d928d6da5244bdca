// world.json: planets and moons as bytes, their signatures, and which revision replaces which. What
// a node makes of worlds it is told about ("node_behaviour") is VL1's.
#include "service/wire/world.h"

#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

std::array<std::uint8_t, 64> key(const Json& hex) {
  const Bytes raw = hex_bytes(hex);
  if (raw.size() != 64) throw std::runtime_error("not a key");
  std::array<std::uint8_t, 64> key{};
  std::copy(raw.begin(), raw.end(), key.begin());
  return key;
}

World world(const Json& hex) {
  auto parsed = World::parse(hex_bytes(hex));
  if (!parsed) throw std::runtime_error("not a world");
  return *parsed;
}

VECTOR_SUITE(Worlds, "world.json", "worlds");

TEST_P(Worlds, parse_to_their_fields) {
  const World parsed = world(data().at("serialized"));
  const Json& fields = data().at("decoded");
  EXPECT_EQ(static_cast<int>(parsed.type), fields.at("type"));
  EXPECT_EQ(to_hex(parsed.id, 16), fields.at("id"));
  EXPECT_EQ(parsed.timestamp, fields.at("timestamp").get<std::uint64_t>());
  EXPECT_EQ(to_hex(parsed.next_signer), fields.at("updates_must_be_signed_by"));
  EXPECT_EQ(to_hex(parsed.signature), fields.at("signature"));
  const Json& roots = fields.at("roots");
  ASSERT_EQ(parsed.roots.size(), roots.size());
  for (std::size_t i = 0; i < roots.size(); ++i) {
    EXPECT_EQ(parsed.roots[i].identity.text(), roots[i].at("identity"));
    const Json& endpoints = roots[i].at("stable_endpoints");
    ASSERT_EQ(parsed.roots[i].endpoints.size(), endpoints.size());
    for (std::size_t e = 0; e < endpoints.size(); ++e) {
      EXPECT_EQ(address_text(parsed.roots[i].endpoints[e]), address_text(endpoints[e]));
    }
  }
}

TEST_P(Worlds, are_written_and_signed_byte_for_byte) {
  World parsed = world(data().at("serialized"));
  EXPECT_EQ(to_hex(parsed.bytes()), text("serialized"));
  EXPECT_EQ(to_hex(parsed.signed_bytes()), text("signed_bytes"));
  EXPECT_EQ(parsed.is_signed_by(key(data().at("signed_with_public"))), flag("signature_valid"));
  if (!flag("signature_valid")) return;
  const Signature recorded = parsed.signature;
  for (const Json& pair : file("world.json").at("signing_keys")) {
    if (pair.at("public") != text("signed_with_public")) continue;
    const auto signer = world_signer(hex_bytes(pair.at("public")), hex_bytes(pair.at("private")));
    ASSERT_TRUE(signer);
    parsed.sign(*signer);
    EXPECT_EQ(to_hex(parsed.signature), to_hex(recorded));
    return;
  }
  FAIL() << "the signing key is not in the file";
}

VECTOR_SUITE(WorldUpdates, "world.json", "updates");

TEST_P(WorldUpdates, replace_the_current_world_or_not) {
  EXPECT_EQ(should_replace(world(data().at("current")), world(data().at("update"))),
            flag("accept"));
}

VECTOR_SUITE(WorldDeserialize, "world.json", "deserialize");

TEST_P(WorldDeserialize, reads_or_refuses_as_recorded) {
  const Bytes serialized = bytes("serialized");
  Reader in(serialized);
  const auto read = World::read(in);
  ASSERT_EQ(read.has_value(), flag("ok"));
  if (read) {
    EXPECT_EQ(serialized.size() - in.remaining(), number("consumed"));
  }
}

TEST(DefaultPlanet, is_the_one_every_unconfigured_node_has) {
  const Json& expected = file("world.json").at("default_planet");
  const World& planet = World::default_planet();
  EXPECT_EQ(to_hex(planet.bytes()), expected.at("serialized"));
  EXPECT_EQ(planet.bytes().size(), expected.at("length").get<std::size_t>());
  EXPECT_EQ(planet.id, expected.at("id").get<std::uint64_t>());
  EXPECT_EQ(planet.timestamp, expected.at("timestamp").get<std::uint64_t>());
  EXPECT_TRUE(planet.is_signed_by(planet.next_signer));
  EXPECT_EQ(World::parse(planet.bytes()), planet);
}

}  // namespace
}  // namespace ztshim::vectors
