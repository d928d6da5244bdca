// ztshim controller rules: the rules language, compiled, and set on a network.
#include <fmt/core.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "service/cli/controller_client.h"
#include "service/cli/controller_commands.h"
#include "service/controller/rules_compile.h"

namespace ztshim::cli {
namespace {

struct Options : HomeOptions {
  std::string network, file;
};

// "-" is standard input.
Result<std::string, std::string> read_source(const std::string& file) {
  if (file == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return failure(fmt::format("cannot read {}", file));
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

Result<controller::CompiledRules, std::string> compile(const std::string& file) {
  const auto source = read_source(file);
  if (!source) return failure(source.error());
  auto compiled = controller::compile_rules(*source);
  if (!compiled) {
    return failure(
        fmt::format("{}:{}", file == "-" ? "standard input" : file, compiled.error().text()));
  }
  return std::move(*compiled);
}

int print_compiled(const std::string& file) {
  const auto compiled = compile(file);
  if (!compiled) return fail(compiled.error());
  print_json(compiled->with_names());
  return kDone;
}

// Prints the rules of the network that `doing` brings.
int with_network(const Options& options,
                 const std::function<Result<Json, std::string>(ControllerClient&)>& doing) {
  if (auto good = check_network(options.network); !good) return fail(good.error(), kWrongUsage);
  return ask_controller(
      options,
      [&](ControllerClient& client) -> Result<Json, std::string> {
        const auto network = doing(client);
        if (!network) return network;
        Json fields = Json::object();
        for (const char* key : {"rules", "capabilities", "tags"}) fields[key] = (*network)[key];
        return fields;
      },
      [](const Json& fields) {
        fmt::print("{} rules, {} capabilities, {} tags\n", fields["rules"].size(),
                   fields["capabilities"].size(), fields["tags"].size());
      });
}

int set_rules(const Options& options) {
  const auto compiled = compile(options.file);  // before anybody is asked
  if (!compiled) return fail(compiled.error());
  return with_network(options, [&](ControllerClient& client) -> Result<Json, std::string> {
    const std::string path = path_of(options.network);
    const auto present = client.get(path, no_such_network(options.network));
    if (!present) return present;
    return client.post(path, compiled->fields(), no_such_network(options.network));
  });
}

int show_rules(Options options) {
  options.json = true;
  return with_network(options, [&](ControllerClient& client) {
    return client.get(path_of(options.network), no_such_network(options.network));
  });
}

void add_network(CLI::App& command, Options& options) {
  options.add_home(command);
  command.add_option("network", options.network, "Network ID")->required()->type_name("NETWORK");
}

void add_file(CLI::App& command, Options& options) {
  command.add_option("file", options.file, "Rules; - is standard input")
      ->required()
      ->type_name("FILE");
}

}  // namespace

void add_rules_commands(CLI::App& parent, Action& chosen) {
  auto* const group = parent.add_subcommand("rules", "The rules language");
  group->require_subcommand(1);
  const auto make = [] { return std::make_shared<Options>(); };

  const auto compiling = make();
  auto* const compile_command =
      group->add_subcommand("compile", "What rules mean, as the controller's JSON");
  add_file(*compile_command, *compiling);
  compile_command->callback(
      [compiling, &chosen] { chosen = [compiling] { return print_compiled(compiling->file); }; });

  const auto setting = make();
  auto* const set_command =
      group->add_subcommand("set", "Give a network rules, capabilities and tags, at once");
  add_network(*set_command, *setting);
  setting->add_json(*set_command);
  add_file(*set_command, *setting);
  set_command->callback([setting, &chosen] { chosen = [setting] { return set_rules(*setting); }; });

  const auto showing = make();
  auto* const show_command = group->add_subcommand("show", "A network's rules, as JSON");
  add_network(*show_command, *showing);
  show_command->callback(
      [showing, &chosen] { chosen = [showing] { return show_rules(*showing); }; });
}

}  // namespace ztshim::cli
