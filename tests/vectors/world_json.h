// A world in the form in which the files describe decoded ones.
#pragma once

#include "service/wire/world.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {

inline Json world_json(const World& world) {
  const bool is_moon = world.type == WorldType::Moon;
  const char* type = world.type == WorldType::Planet ? "planet" : is_moon ? "moon" : "null";
  Json json{{"type", static_cast<int>(world.type)},
            {"type_name", type},
            {"id", to_hex(world.id, 16)},
            {"timestamp", world.timestamp},
            {"updates_must_be_signed_by", to_hex(world.next_signer)},
            {"signature", to_hex(world.signature)},
            {"roots", Json::array()}};
  for (const WorldRoot& root : world.roots) {
    Json endpoints = Json::array();
    for (const Endpoint& endpoint : root.endpoints) endpoints.push_back(address_text(endpoint));
    json["roots"].push_back({{"identity", root.identity.text()}, {"stable_endpoints", endpoints}});
  }
  return json;
}

}  // namespace ztshim::vectors
