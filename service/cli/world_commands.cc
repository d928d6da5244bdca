#include "service/cli/world_commands.h"

#include <fmt/core.h>

#include "service/cli/world_file.h"
#include "service/host/state_store.h"

namespace ztshim::cli {
namespace {

const char* name_of(WorldType type) { return type == WorldType::Moon ? "moon" : "planet"; }

Result<WorldRoot, std::string> parse_root(const std::string& text) {
  const auto equals = text.rfind('=');
  const std::string path = text.substr(0, equals);
  const auto content = read_file(path);
  if (!content) return failure(content.error());
  const auto identity = Identity::parse(as_text(*content));
  if (!identity) return failure(fmt::format("{} holds no identity", path));
  WorldRoot root{*Identity::parse(identity->text()), {}};  // the public part alone
  std::string rest = equals == std::string::npos ? "" : text.substr(equals + 1);
  while (!rest.empty()) {
    const std::string item = rest.substr(0, rest.find(','));
    rest.erase(0, std::min(rest.size(), item.size() + 1));
    const auto endpoint = Endpoint::parse(item);
    if (!endpoint || endpoint->port == 0) {
      return failure(fmt::format("\"{}\" is no endpoint: IP/PORT is", item));
    }
    root.endpoints.push_back(*endpoint);
  }
  if (root.endpoints.size() > World::kMaxEndpoints) {
    return failure(fmt::format("a root has at most {} endpoints", World::kMaxEndpoints));
  }
  return root;
}

}  // namespace

void WorldOptions::add_roots(CLI::App& command, const char* help) {
  command.add_option("--root", roots, help)->type_name("IDENTITY-FILE=IP/PORT[,IP/PORT...]");
}
void WorldOptions::add_key(CLI::App& command, const char* help) {
  command.add_option("--key", key, help)->type_name("FILE");
}
void WorldOptions::add_out(CLI::App& command, const char* help) {
  command.add_option("--out", out, help)->type_name("FILE");
}

Result<std::vector<WorldRoot>, std::string> parse_roots(const std::vector<std::string>& texts) {
  if (texts.size() > World::kMaxRoots) {
    return failure(fmt::format("a world has at most {} roots", World::kMaxRoots));
  }
  std::vector<WorldRoot> roots;
  for (const std::string& text : texts) {
    auto root = parse_root(text);
    if (!root) return failure(root.error());
    roots.push_back(std::move(*root));
  }
  return roots;
}

Result<std::uint64_t, std::string> parse_world_id(const std::string& text) {
  // Ten digits, as an address has, mean the moon that is named after it.
  const auto id = text.empty() || text.size() > 16 ? std::nullopt : hex_number(text);
  if (id && *id != 0) return *id;
  return failure(fmt::format("\"{}\" is no world's number: up to 16 hexadecimal digits", text));
}

int sign_world(const WorldOptions& options, WorldType type) {
  const auto present = host::read_world_file(options.world);
  if (!present) return fail(present.error());
  if (present->type != type) {
    return fail(fmt::format("{} is a {}", options.world, name_of(present->type)));
  }
  auto roots = parse_roots(options.roots);
  if (!roots) return fail(roots.error());
  const auto signer = load_signer(options.key);
  if (!signer) return fail(signer.error());
  const auto revised =
      revise(*present, options.roots.empty() ? present->roots : std::move(*roots), *signer);
  if (!revised) return fail(revised.error());
  return publish(options, *revised);
}

int publish(const WorldOptions& options, const World& world) {
  const auto written = write_file(options.out, world.bytes(), host::kPublicFile);
  if (!written) return fail(written.error());
  if (options.json) {
    print_json(world_json(world));
  } else {
    fmt::print("{} {} in {}\n", name_of(world.type), to_hex(world.id, 16), options.out);
  }
  return kDone;
}

Json world_json(const World& world) {
  Json roots = Json::array();
  for (const WorldRoot& root : world.roots) {
    Json endpoints = Json::array();
    for (const Endpoint& endpoint : root.endpoints) endpoints.push_back(endpoint.protocol_text());
    roots.push_back({{"identity", root.identity.text()},
                     {"address", root.identity.address().text()},
                     {"stableEndpoints", std::move(endpoints)}});
  }
  return {{"id", to_hex(world.id, 16)},
          {"worldType", name_of(world.type)},
          {"timestamp", world.timestamp},
          {"updatesMustBeSignedBy", to_hex(world.next_signer)},
          {"signature", to_hex(world.signature)},
          {"signedByItsOwnKey", world.is_signed_by(world.next_signer)},
          {"roots", std::move(roots)}};
}

int print_world(const World& world, bool as_json) {
  if (as_json) return print_json(world_json(world)), kDone;
  fmt::print("{} {} timestamp {}\n", name_of(world.type), to_hex(world.id, 16), world.timestamp);
  for (const WorldRoot& root : world.roots) {
    fmt::print("root {}", root.identity.address().text());
    for (const Endpoint& endpoint : root.endpoints) fmt::print(" {}", endpoint.protocol_text());
    fmt::print("\n");
  }
  return kDone;
}

}  // namespace ztshim::cli
