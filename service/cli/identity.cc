// ztshim identity: making, showing and checking the keys that a node's address follows from.
#include <fmt/core.h>
#include <unistd.h>

#include "service/cli/command.h"
#include "service/cli/world_file.h"
#include "service/host/home_lock.h"
#include "service/host/random.h"
#include "service/host/state_store.h"

namespace ztshim::cli {
namespace {

// Shows that the search goes on: each attempt takes fresh randomness.
class VisibleRandom final : public RandomSource {
 public:
  void fill(MutableBytes bytes) override {
    if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, ".");
    random_.fill(bytes);
  }

 private:
  host::SystemRandom random_;
};

int make(HomeOptions options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  auto files = host::HomeFiles::open(options.home);
  if (!files) return fail(files.error());
  const host::StateStore store(std::move(*files));
  const auto lock = host::HomeLock::acquire(store.files());
  if (!lock) return fail(lock.error());
  if (!*lock) return fail(fmt::format("{} is in use by a running service", options.home));
  const auto present = store.load_identity();
  if (!present) return fail(present.error());
  if (*present) {
    return fail(fmt::format("{} has the identity {} already: remove identity.secret to give it up",
                            options.home, (*present)->address().text()));
  }
  fmt::print(stderr, "searching for an address");
  VisibleRandom random;
  const auto made = store.load_or_make_identity(random);
  fmt::print(stderr, "\n");
  if (!made) return fail(made.error());
  if (options.json) {
    print_json({{"address", made->address().text()}, {"publicIdentity", made->text()}});
  } else {
    fmt::print("{}\n", made->address().text());
  }
  return kDone;
}

// From a file, or the home's own.
Result<Identity, std::string> find(HomeOptions& options, const std::string& file) {
  std::string path = file;
  if (path.empty()) {
    if (const auto resolved = options.resolve(); !resolved) return failure(resolved.error());
    path = options.home + "/identity.public";
  }
  const auto content = read_file(path);
  if (!content) return failure(content.error());
  const auto identity = Identity::parse(as_text(*content));
  if (!identity) return failure(fmt::format("{} holds no identity", path));
  return *identity;
}

int show(HomeOptions options, const std::string& file) {
  const auto identity = find(options, file);
  if (!identity) return fail(identity.error());
  if (options.json) {
    print_json({{"address", identity->address().text()}, {"publicIdentity", identity->text()}});
  } else {
    fmt::print("{}\n", identity->text());
  }
  return kDone;
}

int validate(HomeOptions options, const std::string& file) {
  const auto identity = find(options, file);
  if (!identity) return fail(identity.error());
  const bool is_valid = identity->is_valid();
  if (options.json) {
    print_json({{"address", identity->address().text()}, {"valid", is_valid}});
  } else if (is_valid) {
    fmt::print("{} is valid\n", identity->address().text());
  }
  if (is_valid) return kDone;
  return fail(
      fmt::format("the address {} does not follow from the key", identity->address().text()));
}

}  // namespace

void add_identity(CLI::App& app, Action& chosen) {
  auto* const command =
      app.add_subcommand("identity", "Keys and the address that follows from them");
  command->require_subcommand(1);
  const auto options = std::make_shared<HomeOptions>();
  const auto file = std::make_shared<std::string>();

  auto* const new_command = command->add_subcommand("new", "Make the identity of a home");
  new_command->callback([options, &chosen] { chosen = [options] { return make(*options); }; });
  auto* const show_command = command->add_subcommand("show", "Print the public part");
  show_command->callback(
      [options, file, &chosen] { chosen = [options, file] { return show(*options, *file); }; });
  auto* const validate_command =
      command->add_subcommand("validate", "Does the address follow from the key?");
  validate_command->callback(
      [options, file, &chosen] { chosen = [options, file] { return validate(*options, *file); }; });
  for (auto* const each : {new_command, show_command, validate_command}) {
    options->add_home(*each);
    options->add_json(*each);
  }
  for (auto* const each : {show_command, validate_command}) {
    each->add_option("file", *file, "Identity file instead of the home's")->type_name("FILE");
  }
}

}  // namespace ztshim::cli
