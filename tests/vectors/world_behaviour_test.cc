// world.json, "node_behaviour": which worlds a node believes, and the roots that follow.
#include "service/vl1/roots.h"
#include "tests/vectors/vl1_case.h"

namespace ztshim::vectors {
namespace {

World world(const Json& hex) {
  auto parsed = World::parse(hex_bytes(hex));
  if (!parsed) throw std::runtime_error("a world does not parse");
  return std::move(*parsed);
}

std::vector<std::string> roots_of(const vl1::Roots& roots) {
  std::vector<std::string> all;
  for (const auto& root : roots.all()) all.push_back(root.address().text());
  std::sort(all.begin(), all.end());
  return all;
}

// The seed that the steps speak of is a root of the moon that is accepted in the end, and not of
// the planet.
Address seed_of(const Json& steps, const World& planet) {
  for (const Json& step : steps) {
    if (!step.at("accepted").get<bool>() || step.at("forced").get<bool>()) continue;
    for (const WorldRoot& root : world(step.at("world")).roots) {
      const Address address = root.identity.address();
      if (world(step.at("world")).type == WorldType::Moon && !planet.has_root(address)) {
        return address;
      }
    }
  }
  throw std::runtime_error("no step tells the seed");
}

TEST(WorldBehaviour, worlds_are_believed_as_the_reference_believes_them) {
  const Json& file = vectors::file("world.json");
  const World planet = world(file.at("worlds").at(0).at("serialized"));
  ASSERT_EQ(file.at("worlds").at(0).at("name"), "planet-1");
  const Address self(0x0102030405);
  const Json& all_steps = file.at("node_behaviour").at("steps");
  const Address seed = seed_of(all_steps, planet);
  const Address root = planet.roots.at(0).identity.address();

  std::optional<vl1::Roots> roots;
  roots.emplace(self, planet, std::vector<World>{});
  unsigned steps = 0;
  for (const Json& step : all_steps) {
    const std::string name = step.at("name");
    SCOPED_TRACE(name);
    ++steps;
    const World offered = world(step.at("world"));
    if (name.find("wanted with seed") != std::string::npos) {
      roots->want_moon(offered.id, seed);
    }
    if (step.at("forced").get<bool>()) {
      roots.emplace(self, planet, std::vector<World>{});
      EXPECT_EQ(roots->hold_moon(offered), step.at("accepted").get<bool>());
    } else {
      EXPECT_EQ(roots->offer(offered, root), step.at("accepted").get<bool>());
    }
    EXPECT_EQ(roots_of(*roots), step.at("upstreams_after").get<std::vector<std::string>>());
  }
  EXPECT_GE(steps, 6U);
}

}  // namespace
}  // namespace ztshim::vectors
