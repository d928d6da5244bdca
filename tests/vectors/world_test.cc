// world.json: planets and moons as bytes, their signatures, and which revision replaces which. What
// a node makes of worlds it is told about ("node_behaviour") is VL1's.
#include "service/wire/world.h"

#include "tests/vectors/world_json.h"

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
  EXPECT_EQ(world_json(parsed), data().at("decoded"));
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

TEST(WorldSigningKeys, are_pairs) {
  for (const Json& pair : file("world.json").at("signing_keys")) {
    const auto signer = world_signer(hex_bytes(pair.at("public")), hex_bytes(pair.at("private")));
    ASSERT_TRUE(signer);
    World world = World::default_planet();
    world.sign(*signer);
    EXPECT_TRUE(world.is_signed_by(key(pair.at("public"))));
  }
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
