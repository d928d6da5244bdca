// ztshim controller network: the networks of a running controller.
#include <fmt/core.h>

#include "service/cli/controller_client.h"
#include "service/cli/controller_commands.h"
#include "service/cli/world_network.h"
#include "service/host/random.h"

namespace ztshim::cli {
namespace {

// What `create` and `set` say about a network; what is not given stays, or has its default.
struct Fields {
  std::optional<std::string> name;
  bool is_private = false, is_public = false;
  std::vector<std::string> pools, routes;
  std::optional<std::string> pool6, dns, broadcast, assign4, assign6;
  std::optional<unsigned> mtu, multicast_limit;
  std::vector<std::string> others;
};

struct Options : HomeOptions {
  std::string network;
  Fields fields;
};

// ---- fields

// "10.0.0.0/8", or "10.0.0.0/8=192.168.1.1" with a gateway.
Result<Json, std::string> parse_route(const std::string& text) {
  const auto equals = text.find('=');
  const auto target = IpPrefix::parse(text.substr(0, equals));
  if (!target) return failure(fmt::format("--route {}: TARGET[=GATEWAY] is wanted", text));
  Json via = nullptr;
  if (equals != std::string::npos) {
    const auto gateway = IpAddress::parse(text.substr(equals + 1));
    if (!gateway || gateway->family() != target->ip.family()) {
      return failure(fmt::format("--route {}: the gateway is no address of that family", text));
    }
    via = gateway->text();
  }
  return Json{{"target", target->text()}, {"via", std::move(via)}};
}

// "10.1.0.10-10.1.0.99"
Result<Json, std::string> parse_range(const std::string& text) {
  const auto dash = text.find('-');
  const auto first = IpAddress::parse(text.substr(0, dash));
  const auto last = IpAddress::parse(text.substr(dash + 1));
  if (!first || !last || first->family() != last->family()) {
    return failure(fmt::format("--pool {}: CIDR or FIRST-LAST is wanted", text));
  }
  return Json{{"ipRangeStart", first->text()}, {"ipRangeEnd", last->text()}};
}

// A CIDR brings its route along; a range is a part of one that --route names.
Result<void, std::string> add_pools(Json& to, const Fields& fields) {
  for (const std::string& text : fields.pools) {
    if (text.find('-') == std::string::npos) {
      NetworkOptions easy;
      easy.pool = text;
      const auto pool = easy.fields(text);
      if (!pool) return failure(pool.error());
      for (const char* key : {"routes", "ipAssignmentPools"}) {
        for (const Json& entry : (*pool)[key]) to[key].push_back(entry);
      }
      to["v4AssignMode"] = {{"zt", true}};
    } else {
      auto range = parse_range(text);
      if (!range) return failure(range.error());
      const bool is_v6 = (*range)["ipRangeStart"].get<std::string>().find(':') != std::string::npos;
      to[is_v6 ? "v6AssignMode" : "v4AssignMode"]["zt"] = true;
      to["ipAssignmentPools"].push_back(std::move(*range));
    }
  }
  if (!fields.pool6) return {};
  NetworkOptions easy;
  easy.pool6 = fields.pool6;
  const auto pool = easy.fields("10.0.0.0/8");  // of which only the IPv6 part is used
  if (!pool) return failure(pool.error());
  const auto is_v6 = [](const Json& entry, const char* key) {
    return entry[key].get<std::string>().find(':') != std::string::npos;
  };
  for (const Json& route : (*pool)["routes"]) {
    if (is_v6(route, "target")) to["routes"].push_back(route);
  }
  for (const Json& range : (*pool)["ipAssignmentPools"]) {
    if (is_v6(range, "ipRangeStart")) to["ipAssignmentPools"].push_back(range);
  }
  for (const auto& [key, value] : (*pool)["v6AssignMode"].items()) to["v6AssignMode"][key] = value;
  return {};
}

Result<void, std::string> add_switch(Json& to, const char* key, const char* option,
                                     const std::optional<std::string>& text) {
  if (!text) return {};
  const auto value = parse_switch(*text);
  if (!value) return failure(fmt::format("{} {}: on or off is wanted", option, *text));
  to[key] = *value;
  return {};
}

// "none", or some of "zt,rfc4193,6plane".
Result<Json, std::string> parse_modes(const std::string& text) {
  Json modes{{"zt", false}, {"rfc4193", false}, {"6plane", false}};
  if (text == "none") return modes;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string mode = text.substr(at, end - at);
    if (!modes.contains(mode)) {
      return failure(
          fmt::format("--assign6 {}: none, or some of zt, rfc4193 and 6plane is wanted", text));
    }
    modes[mode] = true;
    at = end + 1;
  }
  return modes;
}

// "corp.example,10.0.0.1,10.0.0.2"; "none" for no name servers at all.
Result<Json, std::string> parse_dns(const std::string& text) {
  Json dns{{"domain", ""}, {"servers", Json::array()}};
  if (text == "none") return dns;
  const auto comma = text.find(',');
  dns["domain"] = text.substr(0, comma);
  for (std::size_t at = comma; at != std::string::npos && at < text.size();) {
    const std::size_t end = text.find(',', at + 1);
    const std::string server = text.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    if (!IpAddress::parse(server)) {
      return failure(fmt::format("--dns {}: \"{}\" is no address", text, server));
    }
    dns["servers"].push_back(server);
    at = end;
  }
  return dns;
}

Result<Json, std::string> json_of(const Fields& fields) {
  Json json = Json::object();
  if (fields.name) json["name"] = *fields.name;
  if (fields.is_private && fields.is_public) {
    return failure(std::string("--private and --public exclude each other"));
  }
  if (fields.is_private || fields.is_public) json["private"] = fields.is_private;
  if (fields.mtu) json["mtu"] = *fields.mtu;
  if (fields.multicast_limit) json["multicastLimit"] = *fields.multicast_limit;
  if (auto added = add_pools(json, fields); !added) return failure(added.error());
  for (const std::string& text : fields.routes) {
    auto route = parse_route(text);
    if (!route) return failure(route.error());
    json["routes"].push_back(std::move(*route));
  }
  auto done = add_switch(json, "enableBroadcast", "--broadcast", fields.broadcast);
  if (!done) return failure(done.error());
  Json assign4 = Json::object();
  done = add_switch(assign4, "zt", "--assign4", fields.assign4);
  if (!done) return failure(done.error());
  if (!assign4.empty()) json["v4AssignMode"] = assign4;
  if (fields.assign6) {
    auto modes = parse_modes(*fields.assign6);
    if (!modes) return failure(modes.error());
    json["v6AssignMode"] = std::move(*modes);
  }
  if (fields.dns) {
    auto dns = parse_dns(*fields.dns);
    if (!dns) return failure(dns.error());
    json["dns"] = std::move(*dns);
  }
  if (auto added = add_fields(json, fields.others); !added) return failure(added.error());
  return json;
}

// A range that another network of the same members hardly has: two networks with one range shadow
// each other.
std::string some_pool() {
  host::SystemRandom random;
  return fmt::format("10.147.{}.0/24", 18 + random.below(230));
}

// ---- what is printed

std::string joined(const Json& list, const char* key) {
  std::string text;
  for (const Json& entry : list) {
    std::string item = entry.value(key, "");
    if (entry.contains("via") && entry["via"].is_string()) {
      item += " via " + entry["via"].get<std::string>();
    }
    text += (text.empty() ? "" : ", ") + item;
  }
  return text.empty() ? "-" : text;
}

std::string modes_of(const Json& network) {
  std::string text;
  if (network["v4AssignMode"].value("zt", false)) text = "IPv4 from pools";
  for (const auto& [key, value] : network["v6AssignMode"].items()) {
    if (!value.is_boolean() || !value.get<bool>()) continue;
    text += (text.empty() ? "" : ", ") + (key == "zt" ? "IPv6 from pools" : "IPv6 " + key);
  }
  return text.empty() ? "none" : text;
}

void print_network(const Json& network) {
  std::vector<std::vector<std::string>> rows{
      {"network", network.value("id", "")},
      {"name", network.value("name", "")},
      {"access", network.value("private", true) ? "private" : "public"},
      {"routes", joined(network["routes"], "target")},
      {"addresses", modes_of(network)}};
  for (const Json& pool : network["ipAssignmentPools"]) {
    rows.push_back({"pool", pool.value("ipRangeStart", "") + " - " + pool.value("ipRangeEnd", "")});
  }
  if (network["dns"].is_object()) {
    std::string dns = network["dns"].value("domain", "");
    for (const Json& server : network["dns"].value("servers", Json::array())) {
      dns += " " + server.get<std::string>();
    }
    rows.push_back({"dns", dns});
  }
  rows.push_back({"mtu", std::to_string(network.value("mtu", 0))});
  rows.push_back(
      {"multicast", std::to_string(network.value("multicastLimit", 0)) +
                        (network.value("enableBroadcast", true) ? "" : ", no broadcast")});
  rows.push_back(
      {"rules", fmt::format("{} rules, {} capabilities, {} tags", network["rules"].size(),
                            network["capabilities"].size(), network["tags"].size())});
  rows.push_back({"revision", std::to_string(network.value("revision", 0))});
  print_table(rows);
}

// ---- the subcommands

using Doing = std::function<Result<Json, std::string>(ControllerClient&, Options&)>;

int carry_out(Options options, const Doing& doing, const std::function<void(const Json&)>& print) {
  if (!options.network.empty()) {
    if (auto good = check_network(options.network); !good) return fail(good.error(), kWrongUsage);
  }
  return ask_controller(
      options, [&](ControllerClient& client) { return doing(client, options); }, print);
}

// One after the other: a list of everything would keep the controller busy while it reads records
// that nobody has asked for since its start.
Result<Json, std::string> list_networks(ControllerClient& client, Options&) {
  const auto ids = client.get("/controller/network", "this service has no controller");
  if (!ids) return ids;
  Json networks = Json::array();
  for (const Json& id : *ids) {
    const std::string path = path_of(id.get<std::string>());
    auto network = client.get(path, "");
    const auto members = client.get("/unstable" + path + "/member", "");
    if (!network || !members) continue;  // deleted meanwhile, or damaged
    const Json& count = (*members)["meta"];
    (*network)["meta"] = {{"authorizedMemberCount", count.value("authorizedCount", 0)},
                          {"totalMemberCount", count.value("totalCount", 0)}};
    networks.push_back(std::move(*network));
  }
  return networks;
}

void print_networks(const Json& networks) {
  std::vector<std::vector<std::string>> rows{{"NETWORK", "NAME", "ACCESS", "MEMBERS", "ROUTES"}};
  for (const Json& network : networks) {
    const Json& meta = network["meta"];
    rows.push_back({network.value("id", ""), network.value("name", ""),
                    network.value("private", true) ? "private" : "public",
                    fmt::format("{}/{}", meta.value("authorizedMemberCount", 0),
                                meta.value("totalMemberCount", 0)),
                    joined(network["routes"], "target")});
  }
  print_table(rows);
}

void add_fields_options(CLI::App& command, Fields& fields, bool is_new) {
  command.add_option("--name", fields.name, "Its name");
  command.add_flag(
      "--private", fields.is_private,
      is_new ? "Members must be authorised (the default)" : "Members must be authorised");
  command.add_flag("--public", fields.is_public, "Everybody who knows the number is admitted");
  command
      .add_option("--pool", fields.pools,
                  "Addresses for members: a range with its route, or FIRST-LAST within a --route")
      ->type_name("CIDR|FIRST-LAST");
  command.add_option("--pool6", fields.pool6, "IPv6 range for members, or a derived plan")
      ->type_name("CIDR|rfc4193|6plane");
  command.add_option("--route", fields.routes, "A route; all of them, when one is given")
      ->type_name("TARGET[=GATEWAY]");
  command.add_option("--assign4", fields.assign4, "Give members IPv4 addresses from the pools")
      ->type_name("on|off");
  command.add_option("--assign6", fields.assign6, "Which IPv6 addresses members get")
      ->type_name("none|zt,rfc4193,6plane");
  command.add_option("--dns", fields.dns, "Search domain and name servers")
      ->type_name("DOMAIN[,ADDR]...|none");
  command.add_option("--mtu", fields.mtu, "1280 to 10000 (default: 2800)");
  command.add_option("--multicast-limit", fields.multicast_limit,
                     "Recipients of a multicast frame (default: 32)");
  command.add_option("--broadcast", fields.broadcast, "Ethernet broadcast")->type_name("on|off");
  command.add_option("--field", fields.others, "Any other field of the network's record")
      ->type_name("KEY=JSON");
}

CLI::App* add(CLI::App& parent, Action& chosen, const char* name, const char* help,
              const std::shared_ptr<Options>& options, bool names_network, Doing doing,
              std::function<void(const Json&)> print) {
  auto* const command = parent.add_subcommand(name, help);
  options->add_home(*command);
  options->add_json(*command);
  if (names_network) {
    command->add_option("network", options->network, "Network ID")
        ->required()
        ->type_name("NETWORK");
  }
  command->callback([options, doing = std::move(doing), print = std::move(print), &chosen] {
    chosen = [options, doing, print] { return carry_out(*options, doing, print); };
  });
  return command;
}

}  // namespace

void add_network_commands(CLI::App& parent, Action& chosen) {
  auto* const group = parent.add_subcommand("network", "Networks of this controller");
  group->require_subcommand(1);
  const auto options = [] { return std::make_shared<Options>(); };

  const auto create = options();
  add_fields_options(
      *add(
          *group, chosen, "create", "A new network; prints what it is", create, false,
          [](ControllerClient& client, Options& asked) -> Result<Json, std::string> {
            if (asked.fields.pools.empty() && !asked.fields.pool6 && asked.fields.routes.empty()) {
              asked.fields.pools.push_back(some_pool());
            }
            const auto fields = json_of(asked.fields);
            if (!fields) return fields;
            return client.post("/controller/network", *fields, "this service has no controller");
          },
          print_network),
      create->fields, true);
  add(*group, chosen, "list", "All networks", options(), false, list_networks, print_networks);
  add(
      *group, chosen, "show", "One network", options(), true,
      [](ControllerClient& client, Options& asked) {
        return client.get(path_of(asked.network), no_such_network(asked.network));
      },
      print_network);
  const auto set = options();
  add_fields_options(
      *add(
          *group, chosen, "set", "Change a network; members who are online follow at once", set,
          true,
          [](ControllerClient& client, Options& asked) -> Result<Json, std::string> {
            const auto fields = json_of(asked.fields);
            if (!fields) return fields;
            // POST would make it.
            const auto present = client.get(path_of(asked.network), no_such_network(asked.network));
            if (!present) return present;
            return client.post(path_of(asked.network), *fields, no_such_network(asked.network));
          },
          print_network),
      set->fields, false);
  add(
      *group, chosen, "delete", "Delete a network and all its members' records", options(), true,
      [](ControllerClient& client, Options& asked) {
        return client.remove(path_of(asked.network), no_such_network(asked.network));
      },
      [](const Json& network) { fmt::print("deleted network={}\n", network.value("id", "")); });
}

}  // namespace ztshim::cli
