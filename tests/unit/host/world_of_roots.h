// Planets for tests: what they say about where the roots are matters, who the roots are does not.
#pragma once

#include <string_view>
#include <vector>

#include "service/wire/world.h"

namespace ztshim::host {

// "alice" of tests/vectors/identity.json: published, so a secret to nobody.
inline Identity published_identity() {
  constexpr std::string_view kAlice =
      "01bcd7b70e:0:"
      "3ab9ed2c1fdeab7156ba1df0c26770a312b19641ecf2307031ed0cc0d25fb305ad1397d2c68114b293"
      "b29161ac0ae67c79ecfeac6d03a31c94dc5c563a445a05:"
      "8ed201e77538356035861a76e0d167c681d2f43290b9fe37"
      "0751d6554c2e9dd6f4f64a4339328ed05f315d70a7284d8aab3d331560b3ca30eb6a9acb06468580";
  return *Identity::parse(kAlice);
}

// One root for each list of endpoints.
inline World world_of_roots(const std::vector<std::vector<Endpoint>>& endpoints) {
  const Identity root = published_identity();
  std::vector<WorldRoot> roots;
  for (const auto& each : endpoints) roots.push_back({*Identity::parse(root.text()), each});
  return World::make(WorldType::Planet, 4711, 1, roots, root);
}

}  // namespace ztshim::host
