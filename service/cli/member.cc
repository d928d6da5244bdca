// ztshim controller member (and the shorter ztshim member): who may be on the networks of a running
// controller or lab.
#include <fmt/core.h>

#include "service/cli/controller_client.h"
#include "service/cli/controller_commands.h"

namespace ztshim::cli {
namespace {

struct Options : HomeOptions {
  std::string network, address;
  // set
  std::optional<std::string> name, bridge, auto_assign, trace;
  std::vector<std::string> addresses, tags, others;
  std::vector<std::uint32_t> capabilities;
  bool without_addresses = false, without_tags = false, without_capabilities = false;
};

std::string member_path(const Options& options) {
  return path_of(options.network) + "/member/" + options.address;
}

std::string no_such_member(const Options& options) {
  return fmt::format("{} has never asked to join {}", options.address, options.network);
}

// ---- what is printed

std::string addresses_of(const Json& member) {
  std::string text;
  for (const Json& address : member.value("ipAssignments", Json::array())) {
    text += (text.empty() ? "" : ",") + address.get<std::string>();
  }
  return text;
}

std::string version_of(const Json& member) {
  if (member.value("vMajor", -1) < 0) return "-";
  return fmt::format("{}.{}.{}", member.value("vMajor", 0), member.value("vMinor", 0),
                     member.value("vRev", 0));
}

const char* standing_of(const Json& member) {
  return member.value("authorized", false) ? "authorized" : "not-authorized";
}

void print_member(const Json& member) {
  fmt::print("{} {} {}\n", member.value("id", ""), standing_of(member), addresses_of(member));
}

void print_members(const Json& members) {
  std::vector<std::vector<std::string>> rows{
      {"MEMBER", "NAME", "STANDING", "VERSION", "ADDRESSES"}};
  for (const Json& member : members) {
    rows.push_back({member.value("id", ""), member.value("name", ""), standing_of(member),
                    version_of(member), addresses_of(member)});
  }
  print_table(rows);
}

// ---- changes

Result<void, std::string> add_tags(Json& to, const Options& options) {
  if (options.without_tags) to["tags"] = Json::array();
  for (const std::string& text : options.tags) {
    const auto equals = text.find('=');
    const Json id = Json::parse(text.substr(0, equals), nullptr, false);
    const Json value =
        equals == std::string::npos ? Json() : Json::parse(text.substr(equals + 1), nullptr, false);
    if (!id.is_number_unsigned() || !value.is_number_unsigned()) {
      return failure(fmt::format("--tag {}: ID=VALUE with two numbers is wanted", text));
    }
    to["tags"].push_back({id, value});
  }
  return {};
}

Result<Json, std::string> changes_in(const Options& options) {
  Json json = Json::object();
  if (options.name) json["name"] = *options.name;
  if (options.without_addresses) json["ipAssignments"] = Json::array();
  for (const std::string& text : options.addresses) {
    if (!IpAddress::parse(text)) return failure(fmt::format("--ip {}: no address", text));
    json["ipAssignments"].push_back(text);
  }
  if (auto added = add_tags(json, options); !added) return failure(added.error());
  if (options.without_capabilities) json["capabilities"] = Json::array();
  for (const std::uint32_t id : options.capabilities) json["capabilities"].push_back(id);
  if (options.bridge) {
    const auto value = parse_switch(*options.bridge);
    if (!value) return failure(std::string("--bridge: on or off is wanted"));
    json["activeBridge"] = *value;
  }
  if (options.auto_assign) {
    const auto value = parse_switch(*options.auto_assign);
    if (!value) return failure(std::string("--auto-assign: on or off is wanted"));
    json["noAutoAssignIps"] = !*value;
  }
  if (auto added = add_fields(json, options.others); !added) return failure(added.error());
  return json;
}

void add_change_options(CLI::App& command, Options& options) {
  command.add_option("--name", options.name, "Its name");
  command
      .add_option("--ip", options.addresses, "A managed address; all of them, when one is given")
      ->type_name("ADDR");
  command.add_flag("--no-ips", options.without_addresses, "No managed addresses but picked ones");
  command.add_option("--tag", options.tags, "A tag; all of them, when one is given")
      ->type_name("ID=VALUE");
  command.add_flag("--no-tags", options.without_tags, "No tags but the network's defaults");
  command
      .add_option("--capability", options.capabilities,
                  "A capability; all of them, when one is given")
      ->type_name("ID");
  command.add_flag("--no-capabilities", options.without_capabilities, "No capabilities");
  command.add_option("--bridge", options.bridge, "May it bridge other hosts into the network")
      ->type_name("on|off");
  command.add_option("--auto-assign", options.auto_assign, "Does it get addresses from the pools")
      ->type_name("on|off");
  command.add_option("--field", options.others, "Any other field of the member's record")
      ->type_name("KEY=JSON");
}

// ---- the subcommands

using Doing = std::function<Result<Json, std::string>(ControllerClient&, const Options&)>;
using Print = void (*)(const Json&);

int carry_out(const Options& options, const Doing& doing, Print print) {
  if (auto good = check_network(options.network); !good) return fail(good.error(), kWrongUsage);
  if (!options.address.empty()) {
    if (auto good = check_member(options.address); !good) return fail(good.error(), kWrongUsage);
  }
  return ask_controller(
      options, [&](ControllerClient& client) { return doing(client, options); }, print);
}

Result<Json, std::string> list_members(ControllerClient& client, const Options& options) {
  auto list = client.get("/unstable" + path_of(options.network) + "/member",
                         no_such_network(options.network));
  if (!list) return list;
  return (*list)["data"];
}

Result<Json, std::string> show_member(ControllerClient& client, const Options& options) {
  const auto network = client.get(path_of(options.network), no_such_network(options.network));
  if (!network) return network;
  return client.get(member_path(options), no_such_member(options));
}

Doing setting(const char* field, bool value) {
  return [field, value](ControllerClient& client, const Options& options) {
    return client.post(member_path(options), {{field, value}}, no_such_network(options.network));
  };
}

Result<Json, std::string> change_member(ControllerClient& client, const Options& options) {
  const auto changes = changes_in(options);
  if (!changes) return changes;
  return client.post(member_path(options), *changes, no_such_network(options.network));
}

Result<Json, std::string> delete_member(ControllerClient& client, const Options& options) {
  return client.remove(member_path(options), no_such_member(options));
}

void print_deleted(const Json& member) {
  fmt::print("deleted member={}\n", member.value("id", ""));
}

std::pair<CLI::App*, std::shared_ptr<Options>> add(CLI::App& parent, Action& chosen,
                                                   const char* name, const char* help,
                                                   bool has_address, Doing doing, Print print) {
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
  command->callback([options, doing = std::move(doing), print, &chosen] {
    chosen = [options, doing, print] { return carry_out(*options, doing, print); };
  });
  return {command, options};
}

}  // namespace

void add_member_commands(CLI::App& parent, Action& chosen) {
  auto* const group = parent.add_subcommand("member", "Members of a controller's networks");
  group->require_subcommand(1);
  add(*group, chosen, "list", "Everybody who has asked to join", false, list_members,
      print_members);
  add(*group, chosen, "show", "One member", true, show_member, print_member);
  add(*group, chosen, "authorize", "Admit a member, also before it asks", true,
      setting("authorized", true), print_member)
      .first->alias("authorise");
  add(*group, chosen, "deauthorize", "Turn a member out, at once", true,
      setting("authorized", false), print_member)
      .first->alias("deauthorise");
  const auto [set, options] =
      add(*group, chosen, "set", "Change a member", true, change_member, print_member);
  add_change_options(*set, *options);
  add(*group, chosen, "delete", "Delete a member's record; it may ask again", true, delete_member,
      print_deleted)
      .first->alias("forget");
}

void add_member(CLI::App& app, Action& chosen) { add_member_commands(app, chosen); }

}  // namespace ztshim::cli
