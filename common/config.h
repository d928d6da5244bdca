// Every ZTSHIM_* variable: name, meaning, default, parsing (interface.md, "Environment"). Knows
// nothing of what the values cause.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace ztshim {

enum class Egress : std::uint8_t { Split, Virtual };
enum class ListenOn : std::uint8_t { Virtual, Host, Both };
enum class Loopback : std::uint8_t { Host, Virtual };

struct NetworkSetting {
  std::uint64_t id = 0;
  std::vector<std::string> settings;  // "KEY=VALUE", as written after the id
  auto operator<=>(const NetworkSetting&) const = default;
};

struct Config {
  std::string home;  // absolute
  std::vector<NetworkSetting> networks;
  std::string planet;      // empty: the home's or the built-in one
  std::uint16_t port = 0;  // physical UDP; 0: any
  Egress egress = Egress::Split;
  ListenOn listen = ListenOn::Virtual;
  Loopback loopback = Loopback::Host;
  Duration wait{30'000};
  std::string log;       // empty: warn
  std::string log_file;  // empty: standard error
  std::string capture;   // empty: none
  bool disabled = false;

  // The value of a variable, or nullptr: std::getenv in programs, a table in tests.
  using Lookup = std::function<const char*(const char* name)>;
  // The failure is one line for people: variable, value and what is allowed. An empty value counts
  // as not set. `is_root` and `working_directory` decide defaults and relative paths.
  static Result<Config, std::string> parse(const Lookup& lookup, bool is_root,
                                           const std::string& working_directory);
  static Result<Config, std::string> from_environment();
  // What a program with a wrong setting must still know: does it ask for nothing to leak?
  static Egress egress_or_split(const Lookup& lookup);

  // Is there a network to be on: ZTSHIM_NETWORK, or networks.d/<16 hex digits>.conf in the home?
  bool has_network() const;
  // Is there anything to do? A virtual loopback needs no network.
  bool is_wanted() const { return loopback == Loopback::Virtual || has_network(); }
  std::string service_socket_path() const { return home + "/service.sock"; }
};

}  // namespace ztshim
