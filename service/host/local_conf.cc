#include "service/host/local_conf.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace ztshim::host {
namespace {

using Json = nlohmann::json;

// Keys of genuine nodes that have no meaning here; the reasons are in docs/local-conf.md.
constexpr std::array<std::string_view, 12> kMeaningless{
    "enableWebServer",      "multicoreEnabled", "concurrency",           "cpuPinningEnabled",
    "defaultBondingPolicy", "policies",         "peerSpecificBonds",     "controllerDbPath",
    "ssoRedirectURL",       "softwareUpdate",   "softwareUpdateChannel", "softwareUpdateDist"};

// Walks the file and remembers the first thing that is wrong.
class Parser {
 public:
  Result<LocalConf, std::string> parse(const Json& root) {
    if (!root.is_object()) return failure(std::string("a JSON object is wanted"));
    for (const auto& [key, value] : root.items()) {
      if (key == "physical") {
        physical(value);
      } else if (key == "virtual") {
        peers(value);
      } else if (key == "settings") {
        settings(value);
      } else {
        conf_.unknown.push_back(key);
      }
    }
    finish();
    if (!wrong_.empty()) return failure(wrong_);
    return std::move(conf_);
  }

 private:
  void wrong(const std::string& key, const Json& value, std::string_view allowed) {
    if (!wrong_.empty()) return;
    std::string shown = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (shown.size() > 60) shown = shown.substr(0, 60) + "...";
    wrong_ = fmt::format("{} is {}, but {} is wanted", key, shown, allowed);
  }
  bool is_object(const std::string& key, const Json& value) {
    if (!value.is_object()) wrong(key, value, "an object");
    return value.is_object();
  }
  void flag(const std::string& key, const Json& value, bool& to) {
    if (!value.is_boolean()) return wrong(key, value, "true or false");
    to = value.get<bool>();
  }
  std::uint64_t number(const std::string& key, const Json& value, std::uint64_t most) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() <= most) {
      return value.get<std::uint64_t>();
    }
    wrong(key, value, fmt::format("a whole number up to {}", most));
    return 0;
  }
  std::uint16_t port(const std::string& key, const Json& value) {
    return static_cast<std::uint16_t>(number(key, value, 65535));
  }
  // A list of texts, each turned into something by `read`, which gives an empty optional for what
  // it cannot read.
  template <typename Item, typename Read>
  void list(const std::string& key, const Json& value, std::string_view allowed, Read read,
            std::vector<Item>& to) {
    if (!value.is_array()) return wrong(key, value, allowed);
    for (const Json& each : value) {
      const std::optional<Item> item =
          each.is_string() ? read(each.get_ref<const std::string&>()) : std::nullopt;
      if (!item) return wrong(key, each, allowed);
      to.push_back(*item);
    }
  }
  void networks(const std::string& key, const Json& value, std::vector<IpPrefix>& to) {
    list(
        key, value, "a list of \"address/bits\"",
        [](const std::string& text) { return IpPrefix::parse(text); }, to);
  }
  static std::optional<Endpoint> endpoint(const std::string& text) {
    const auto parsed = Endpoint::parse(text);
    return parsed && parsed->port != 0 ? parsed : std::nullopt;
  }

  void physical(const Json& value) {
    if (!is_object("physical", value)) return;
    if (value.size() > kMaxPhysicalNetworks) {
      return wrong("physical", value,
                   fmt::format("no more than {} networks", kMaxPhysicalNetworks));
    }
    for (const auto& [text, about] : value.items()) {
      const std::string key = fmt::format("physical.\"{}\"", text);
      const auto network = IpPrefix::parse(text);
      if (!network) return wrong("a key of physical", text, "\"address/bits\"");
      if (!is_object(key, about)) return;
      vl1::PhysicalNetwork entry{*network};
      for (const auto& [name, setting] : about.items()) {
        if (name == "blacklist") {
          flag(key + ".blacklist", setting, entry.blacklisted);
        } else if (name == "trustedPathId") {
          entry.trusted_path =
              number(key + ".trustedPathId", setting, std::numeric_limits<std::uint64_t>::max());
        } else if (name == "mtu") {
          entry.mtu = static_cast<unsigned>(number(key + ".mtu", setting, 65535));
        } else {
          conf_.unknown.push_back(fmt::format("{}.{}", key, name));
        }
      }
      if (entry.blacklisted) conf_.physical.excluded_networks.push_back(*network);
      conf_.vl1.physical.push_back(entry);
    }
  }

  void peers(const Json& value) {
    if (!is_object("virtual", value)) return;
    for (const auto& [text, about] : value.items()) {
      const std::string key = fmt::format("virtual.\"{}\"", text);
      const auto address = Address::parse(text);
      if (!address) return wrong("a key of virtual", text, "a node's address of ten digits");
      if (!is_object(key, about)) return;
      vl1::PeerSettings& peer = conf_.vl1.peers[*address];
      for (const auto& [name, setting] : about.items()) {
        if (name == "try") {
          list(key + ".try", setting, "a list of \"address/port\"", endpoint, peer.hints);
        } else if (name == "blacklist") {
          networks(key + ".blacklist", setting, peer.blacklist);
        } else {
          conf_.unknown.push_back(fmt::format("{}.{}", key, name));
        }
      }
    }
  }

  void settings(const Json& value) {
    if (!is_object("settings", value)) return;
    for (const auto& [name, setting] : value.items()) {
      if (!one_setting("settings." + name, name, setting)) {
        const bool known =
            std::find(kMeaningless.begin(), kMeaningless.end(), name) != kMeaningless.end();
        (known ? conf_.meaningless : conf_.unknown).push_back("settings." + name);
      }
    }
  }

  // False: not a key that means anything here.
  bool one_setting(const std::string& key, const std::string& name, const Json& value) {
    PhysicalSettings& physical = conf_.physical;
    if (name == "primaryPort") {
      const std::uint16_t number = port(key, value);
      if (number != 0) physical.primary_port = number;
    } else if (name == "secondaryPort") {
      physical.secondary_port = port(key, value);
    } else if (name == "tertiaryPort") {
      physical.tertiary_port = port(key, value);
    } else if (name == "allowSecondaryPort") {
      flag(key, value, physical.allow_secondary_port);
    } else if (name == "portMappingEnabled") {
      flag(key, value, physical.map_ports);
    } else if (name == "bind") {
      list(
          key, value, "a list of addresses",
          [](const std::string& text) -> std::optional<Endpoint> {
            const auto ip = IpAddress::parse(text);
            return ip ? std::optional(Endpoint{*ip, 0}) : std::nullopt;
          },
          physical.bind);
    } else if (name == "interfacePrefixBlacklist") {
      list(
          key, value, "a list of beginnings of names",
          [](const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); },
          physical.excluded_interfaces);
    } else if (name == "allowManagementFrom") {
      networks(key, value, conf_.allow_management_from);
    } else if (name == "lowBandwidthMode") {
      flag(key, value, conf_.vl1.low_bandwidth);
    } else if (name == "allowTcpFallbackRelay") {
      flag(key, value, allow_tcp_);
      tcp_is_said_ = true;
    } else if (name == "forceTcpRelay") {
      flag(key, value, force_tcp_);
    } else if (name == "tcpFallbackRelay") {
      const auto relay = value.is_string() ? endpoint(value.get<std::string>()) : std::nullopt;
      if (!relay || !relay->ip.is_v4()) return wrong(key, value, "\"IPv4 address/port\""), true;
      conf_.tcp_fallback.relay = *relay;
    } else {
      return false;
    }
    return true;
  }

  void finish() {
    using Mode = vl1::TcpFallback::Mode;
    if (force_tcp_ && tcp_is_said_ && !allow_tcp_) {
      return wrong("settings.forceTcpRelay", true,
                   "false, as settings.allowTcpFallbackRelay is false,");
    }
    // Off unless asked for: the traffic of a stranger's program goes to no third party by itself.
    conf_.tcp_fallback.mode = force_tcp_ ? Mode::Forced : allow_tcp_ ? Mode::WhenNeeded : Mode::Off;
    const PhysicalSettings& physical = conf_.physical;
    const std::uint16_t primary = physical.primary_port.value_or(0);
    const auto same = [](std::uint16_t a, std::uint16_t b) { return a != 0 && a == b; };
    if (same(primary, physical.secondary_port) || same(primary, physical.tertiary_port) ||
        same(physical.secondary_port, physical.tertiary_port)) {
      wrong("settings.secondaryPort", physical.secondary_port,
            "a port of its own for each of primary, secondary and tertiary");
    }
  }

  LocalConf conf_;
  std::string wrong_;
  bool allow_tcp_ = false, force_tcp_ = false, tcp_is_said_ = false;
};

}  // namespace

Result<LocalConf, std::string> parse_local_conf(ByteView text) {
  // Editors leave an empty file behind; genuine nodes take it for an empty object.
  const bool is_blank = std::all_of(text.begin(), text.end(), [](std::uint8_t c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
  });
  if (is_blank) return LocalConf{};
  const Json root = Json::parse(text.begin(), text.end(), nullptr, false);
  if (root.is_discarded()) return failure(std::string("this is not JSON"));
  return Parser().parse(root);
}

Result<LocalConf, std::string> load_local_conf(const HomeFiles& files) {
  const auto content = files.read(kLocalConf);
  if (!content) return failure(content.error());
  if (!*content) return LocalConf{};
  auto conf = parse_local_conf(**content);
  if (!conf) return failure(fmt::format("{}: {}", files.path_of(kLocalConf), conf.error()));
  return conf;
}

bool LocalConfWatch::has_changed(const HomeFiles& files) {
  struct stat info {};
  Mark mark;
  if (fstatat(files.descriptor(), kLocalConf, &info, 0) == 0) {
    mark = {info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, info.st_ino};
  }
  const bool changed = last_ && *last_ != mark;
  last_ = mark;
  return changed;
}

}  // namespace ztshim::host
