// ztshim member: who may be on the networks of a running controller or lab.
#include <fmt/core.h>

#include "service/cli/client.h"
#include "service/cli/command.h"
#include "service/wire/network_id.h"

namespace ztshim::cli {
namespace {

struct Options : HomeOptions {
  std::string network, address;
};

Result<Json, std::string> ask(Options& options, Json request) {
  auto client = Client::connect(options.home);
  if (!client) return failure(client.error());
  if (!*client) {
    return failure(
        fmt::format("no controller runs with the home {}: start it first", options.home));
  }
  request["network"] = options.network;
  if (!options.address.empty()) request["address"] = options.address;
  return (*client)->administer(request);
}

void print_member(const Json& member) {
  std::string addresses;
  for (const Json& address : member.value("ipAssignments", Json::array())) {
    addresses += (addresses.empty() ? "" : ",") + address.get<std::string>();
  }
  fmt::print("{} {} {}\n", member.value("id", ""),
             member.value("authorized", false) ? "authorized" : "not-authorized", addresses);
}

// One request; what comes back is printed as facts.
int carry_out(Options options, const Json& request) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  if (!NetworkId::parse(options.network)) {
    return fail(
        fmt::format("\"{}\" is no network: sixteen hexadecimal digits are", options.network),
        kWrongUsage);
  }
  const auto answer = ask(options, request);
  if (!answer) return fail(answer.error());
  if (const auto members = answer->find("members"); members != answer->end()) {
    if (options.json) return print_json(*members), kDone;
    for (const Json& member : *members) print_member(member);
  } else if (const auto member = answer->find("member"); member != answer->end()) {
    if (options.json) return print_json(*member), kDone;
    print_member(*member);
  }
  return kDone;
}

void add(CLI::App& parent, Action& chosen, const char* name, const char* help, bool has_address,
         const Json& request) {
  auto* const command = parent.add_subcommand(name, help);
  const auto options = std::make_shared<Options>();
  options->add_home(*command);
  options->add_json(*command);
  command->add_option("network", options->network, "Network ID")->required()->type_name("NETWORK");
  if (has_address) {
    command->add_option("address", options->address, "The member's ten-digit address")
        ->required()
        ->type_name("ADDRESS");
  }
  command->callback([options, request, &chosen] {
    chosen = [options, request] { return carry_out(*options, request); };
  });
}

}  // namespace

void add_member(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("member", "Members of a controller's networks");
  command->require_subcommand(1);
  add(*command, chosen, "list", "Everybody who has asked to join", false, {{"do", "members"}});
  add(*command, chosen, "show", "One member", true, {{"do", "member"}});
  add(*command, chosen, "authorize", "Admit a member, also before it asks", true,
      {{"do", "member"}, {"set", {{"authorized", true}}}});
  add(*command, chosen, "deauthorize", "Turn a member out", true,
      {{"do", "member"}, {"set", {{"authorized", false}}}});
  add(*command, chosen, "forget", "Delete a member's record", true, {{"do", "forget"}});
}

}  // namespace ztshim::cli
