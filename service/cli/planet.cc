// ztshim planet: making, showing and revising the signed list of roots.
#include <fmt/core.h>

#include "service/cli/command.h"
#include "service/cli/world_file.h"
#include "service/host/random.h"
#include "service/host/state_store.h"

namespace ztshim::cli {
namespace {

struct Options {
  std::string world, out = "planet", key = "planet.key";
  std::vector<std::string> roots;
  bool json = false;
};

// "IDENTITY-FILE=IP/PORT[,IP/PORT…]"
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

Result<std::vector<WorldRoot>, std::string> parse_roots(const std::vector<std::string>& texts) {
  if (texts.size() > World::kMaxRoots) {
    return failure(fmt::format("a planet has at most {} roots", World::kMaxRoots));
  }
  std::vector<WorldRoot> roots;
  for (const std::string& text : texts) {
    auto root = parse_root(text);
    if (!root) return failure(root.error());
    roots.push_back(std::move(*root));
  }
  return roots;
}

int write(const Options& options, const World& world) {
  const auto written = write_file(options.out, world.bytes(), host::kPublicFile);
  if (!written) return fail(written.error());
  return kDone;
}

int make(const Options& options) {
  auto roots = parse_roots(options.roots);
  if (!roots) return fail(roots.error());
  host::SystemRandom random;
  const auto signer = load_or_make_signer(options.key, random);
  if (!signer) return fail(signer.error());
  return write(options, make_planet(std::move(*roots), *signer, random));
}

int sign(const Options& options) {
  const auto present = host::read_world_file(options.world);
  if (!present) return fail(present.error());
  auto roots = parse_roots(options.roots);
  if (!roots) return fail(roots.error());
  const auto signer = load_signer(options.key);
  if (!signer) return fail(signer.error());
  const auto revised =
      revise(*present, options.roots.empty() ? present->roots : std::move(*roots), *signer);
  if (!revised) return fail(revised.error());
  return write(options, *revised);
}

Json to_json(const World& world) {
  Json roots = Json::array();
  for (const WorldRoot& root : world.roots) {
    Json endpoints = Json::array();
    for (const Endpoint& endpoint : root.endpoints) endpoints.push_back(endpoint.protocol_text());
    roots.push_back({{"identity", root.identity.text()},
                     {"address", root.identity.address().text()},
                     {"stableEndpoints", std::move(endpoints)}});
  }
  return {{"id", to_hex(world.id, 16)},
          {"worldType", world.type == WorldType::Moon ? "moon" : "planet"},
          {"timestamp", world.timestamp},
          {"updatesMustBeSignedBy", to_hex(world.next_signer)},
          {"signature", to_hex(world.signature)},
          {"signedByItsOwnKey", world.is_signed_by(world.next_signer)},
          {"roots", std::move(roots)}};
}

int show(const Options& options) {
  const auto world = host::read_world_file(options.world);
  if (!world) return fail(world.error());
  if (options.json) return print_json(to_json(*world)), kDone;
  fmt::print("{} {} timestamp {}\n", world->type == WorldType::Moon ? "moon" : "planet",
             to_hex(world->id, 16), world->timestamp);
  for (const WorldRoot& root : world->roots) {
    fmt::print("root {}", root.identity.address().text());
    for (const Endpoint& endpoint : root.endpoints) fmt::print(" {}", endpoint.protocol_text());
    fmt::print("\n");
  }
  return kDone;
}

}  // namespace

void add_planet(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("planet", "The signed list of roots");
  command->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  constexpr const char* kRootHelp = "A root: its identity file and where it can be reached";
  constexpr const char* kRootType = "IDENTITY-FILE=IP/PORT[,IP/PORT...]";

  auto* const make_command = command->add_subcommand("make", "A new planet");
  make_command->add_option("--root", options->roots, kRootHelp)->required()->type_name(kRootType);
  make_command->add_option("--key", options->key, "Signing key; made when missing (planet.key)");
  make_command->add_option("--out", options->out, "The planet's file (planet)");
  make_command->callback([options, &chosen] { chosen = [options] { return make(*options); }; });

  auto* const sign_command = command->add_subcommand("sign", "The next revision of a planet");
  sign_command->add_option("world", options->world, "The present revision")->required();
  sign_command->add_option("--root", options->roots, "Roots from now on (default: as before)")
      ->type_name(kRootType);
  sign_command->add_option("--key", options->key, "Signing key (planet.key)");
  sign_command->add_option("--out", options->out, "The planet's file (planet)");
  sign_command->callback([options, &chosen] { chosen = [options] { return sign(*options); }; });

  auto* const show_command = command->add_subcommand("show", "What a planet or moon file says");
  show_command->add_option("world", options->world, "World file")->required();
  show_command->add_flag("--json", options->json, "Print facts as JSON");
  show_command->callback([options, &chosen] { chosen = [options] { return show(*options); }; });
}

}  // namespace ztshim::cli
