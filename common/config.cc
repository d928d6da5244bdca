#include "common/config.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "common/bytes.h"
#include "common/log.h"

namespace ztshim {
namespace {

// A day: more is a mistake in the unit, and the wait blocks the application's call.
constexpr unsigned kMaxWaitSeconds = 86'400;

using Failure = std::string;

std::string_view value_of(const Config::Lookup& lookup, const char* name) {
  const char* const value = lookup(name);
  return value != nullptr ? std::string_view(value) : std::string_view();
}

tl::unexpected<Failure> wrong(std::string_view name, std::string_view value,
                              std::string_view allowed) {
  return failure(Failure("ztshim: ")
                     .append(name)
                     .append("=")
                     .append(value)
                     .append(": not understood; allowed: ")
                     .append(allowed));
}

bool parse_number(std::string_view text, unsigned max, unsigned& to) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return false;
  to = value;
  return true;
}

template <typename Enum>
struct Choice {
  std::string_view name;
  Enum value;
};
template <typename Enum, std::size_t N>
bool choose(std::string_view text, const std::array<Choice<Enum>, N>& choices, Enum& to) {
  for (const auto& choice : choices) {
    if (choice.name == text) {
      to = choice.value;
      return true;
    }
  }
  return false;
}

// 16 hexadecimal digits, not all zero.
std::optional<std::uint64_t> parse_network_id(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  const auto id = hex_number(text);
  return id && *id != 0 ? id : std::nullopt;
}

// "id[:KEY=VALUE]…[,id…]"
bool parse_networks(std::string_view text, std::vector<NetworkSetting>& to) {
  while (!text.empty()) {
    std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    if (item.empty()) continue;  // "a,,b" and a trailing comma do no harm
    const std::string_view id_text = item.substr(0, item.find(':'));
    item.remove_prefix(std::min(item.size(), id_text.size() + 1));
    const auto id = parse_network_id(id_text);
    if (!id) return false;
    NetworkSetting network{*id, {}};
    while (!item.empty()) {
      const std::string_view setting = item.substr(0, item.find(':'));
      item.remove_prefix(std::min(item.size(), setting.size() + 1));
      const auto equals = setting.find('=');
      if (equals == 0 || equals == std::string_view::npos) return false;
      network.settings.emplace_back(setting);
    }
    const auto is_same = [&](const NetworkSetting& other) { return other.id == *id; };
    if (std::none_of(to.begin(), to.end(), is_same)) to.push_back(std::move(network));
  }
  return true;
}

// Programs change their working directory; the paths mean what they meant at the start.
std::string absolute(std::string_view path, const std::string& working_directory) {
  if (path.empty() || path.front() == '/') return std::string(path);
  return working_directory + '/' + std::string(path);
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Result<std::string, Failure> find_home(const Config::Lookup& lookup, bool is_root,
                                       const std::string& working_directory) {
  if (const auto home = value_of(lookup, "ZTSHIM_HOME"); !home.empty()) {
    return without_trailing_slashes(absolute(home, working_directory));
  }
  if (is_root) return std::string("/var/lib/ztshim");
  // Relative paths are invalid there (XDG base directory specification): as if not set.
  if (const auto state = value_of(lookup, "XDG_STATE_HOME"); state.starts_with('/')) {
    return std::string(state) + "/ztshim";
  }
  if (const auto home = value_of(lookup, "HOME"); home.starts_with('/')) {
    return without_trailing_slashes(std::string(home)) + "/.local/state/ztshim";
  }
  return failure(
      Failure("ztshim: ZTSHIM_HOME is not set and there is no HOME to choose a default; "
              "set ZTSHIM_HOME to the node's home directory"));
}

constexpr std::array<Choice<Egress>, 2> kEgress{
    {{"split", Egress::Split}, {"virtual", Egress::Virtual}}};
constexpr std::array<Choice<ListenOn>, 3> kListen{
    {{"virtual", ListenOn::Virtual}, {"host", ListenOn::Host}, {"both", ListenOn::Both}}};
constexpr std::array<Choice<Loopback>, 2> kLoopback{
    {{"host", Loopback::Host}, {"virtual", Loopback::Virtual}}};
constexpr std::array<Choice<bool>, 2> kDisable{{{"1", true}, {"0", false}}};

}  // namespace

Result<Config, std::string> Config::parse(const Lookup& lookup, bool is_root,
                                          const std::string& working_directory) {
  Config config;
  // One row per variable: how it is read and what people are told is allowed.
  struct Variable {
    const char* name;
    const char* allowed;
    std::function<bool(std::string_view)> read;
  };
  const auto path_into = [&](std::string& to) {
    return [&working_directory, &to](std::string_view text) {
      to = absolute(text, working_directory);
      return true;
    };
  };
  const Variable variables[] = {
      {"ZTSHIM_DISABLE", "1, 0",
       [&](std::string_view text) { return choose(text, kDisable, config.disabled); }},
      {"ZTSHIM_NETWORK", "network ids of 16 hexadecimal digits, separated by commas",
       [&](std::string_view text) { return parse_networks(text, config.networks); }},
      {"ZTSHIM_PLANET", "a path", path_into(config.planet)},
      {"ZTSHIM_PORT", "a number from 0 (any) to 65535",
       [&](std::string_view text) {
         unsigned number = 0;
         if (!parse_number(text, 65535, number)) return false;
         config.port = static_cast<std::uint16_t>(number);
         return true;
       }},
      {"ZTSHIM_EGRESS", "split, virtual",
       [&](std::string_view text) { return choose(text, kEgress, config.egress); }},
      {"ZTSHIM_LISTEN", "virtual, host, both",
       [&](std::string_view text) { return choose(text, kListen, config.listen); }},
      {"ZTSHIM_LOOPBACK", "host, virtual",
       [&](std::string_view text) { return choose(text, kLoopback, config.loopback); }},
      {"ZTSHIM_WAIT", "whole seconds from 0 (do not wait) to 86400",
       [&](std::string_view text) {
         unsigned seconds = 0;
         if (!parse_number(text, kMaxWaitSeconds, seconds)) return false;
         config.wait = std::chrono::seconds(seconds);
         return true;
       }},
      {"ZTSHIM_LOG", "off, error, warn, info, debug, trace, or area=level,… such as vl1=debug",
       [&](std::string_view text) {
         config.log = text;
         return is_log_setting(text);
       }},
      {"ZTSHIM_LOG_FILE", "a path", path_into(config.log_file)},
      {"ZTSHIM_CAPTURE", "a path", path_into(config.capture)},
  };
  for (const Variable& variable : variables) {
    const std::string_view text = value_of(lookup, variable.name);
    if (text.empty()) continue;
    if (!variable.read(text)) return wrong(variable.name, text, variable.allowed);
    // Whoever switches the library off is not bothered with the rest of the settings.
    if (config.disabled) return config;
  }
  auto home = find_home(lookup, is_root, working_directory);
  if (!home) return failure(std::move(home.error()));
  config.home = std::move(*home);
  return config;
}

Result<Config, std::string> Config::from_environment() {
  std::string working_directory = "/";
  if (char* const current = ::getcwd(nullptr, 0); current != nullptr) {
    working_directory = current;
    std::free(current);
  }
  const auto lookup = [](const char* name) -> const char* { return std::getenv(name); };
  return parse(lookup, ::geteuid() == 0, working_directory);
}

Egress Config::egress_or_split(const Lookup& lookup) {
  Egress egress = Egress::Split;
  choose(value_of(lookup, "ZTSHIM_EGRESS"), kEgress, egress);
  return egress;
}

bool Config::has_network() const {
  if (!networks.empty()) return true;
  const auto close = [](DIR* directory) { ::closedir(directory); };
  const std::unique_ptr<DIR, decltype(close)> directory(::opendir((home + "/networks.d").c_str()));
  if (!directory) return false;
  while (const dirent* const entry = ::readdir(directory.get())) {
    constexpr std::string_view kSuffix = ".conf";
    const std::string_view name(entry->d_name);
    // Not "….local.conf", which holds settings of a network that may not be joined any more.
    if (name.ends_with(kSuffix) && parse_network_id(name.substr(0, name.size() - kSuffix.size()))) {
      return true;
    }
  }
  return false;
}

}  // namespace ztshim
