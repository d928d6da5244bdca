// ztshim networks: the joined networks; with --wait also the readiness check for scripts.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "service/cli/client.h"
#include "service/cli/command.h"

namespace ztshim::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Options : HomeOptions {
  std::optional<double> wait_seconds;
};

// How long until a change is noticed. The service may not even run yet, so there is nothing to wait
// on but time.
constexpr std::chrono::milliseconds kAskAgain{50};

bool has_address(const Json& network) { return !network.value("addresses", Json::array()).empty(); }
// A service that runs, at least one network, and an address on each of them.
bool is_ready(const Json& networks) {
  return !networks.empty() && std::all_of(networks.begin(), networks.end(), has_address);
}

std::string joined(const Json& texts) {
  std::string all;
  for (const Json& text : texts) all += (all.empty() ? "" : ",") + text.get<std::string>();
  return all;
}

std::string why_not_ready(const Result<Json, std::string>& networks, const std::string& home) {
  if (!networks) return networks.error();
  if (networks->empty()) {
    return fmt::format("{} has joined no network: set ZTSHIM_NETWORK or use `ztshim join`", home);
  }
  std::string text = "still without an address:";
  for (const Json& network : *networks) {
    if (!has_address(network)) {
      const std::string reason = network.value("reason", "");
      text += fmt::format(" {} ({}{}{})", network.value("id", ""), network.value("status", ""),
                          reason.empty() ? "" : ": ", reason);
    }
  }
  return text;
}

int networks(Options options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  auto list = facts(options.home, rpc::Section::Networks);
  if (options.wait_seconds) {
    const auto limit = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                          std::chrono::duration<double>(*options.wait_seconds));
    while (!(list && is_ready(*list)) && Clock::now() < limit) {
      std::this_thread::sleep_for(std::min<Clock::duration>(kAskAgain, limit - Clock::now()));
      list = facts(options.home, rpc::Section::Networks);
    }
    if (!list || !is_ready(*list)) return fail(why_not_ready(list, options.home));
  }
  if (!list) return fail(list.error());
  if (options.json) return print_json(*list), kDone;
  std::vector<std::vector<std::string>> rows{{"NETWORK", "NAME", "STATUS", "ADDRESSES"}};
  for (const Json& network : *list) {
    rows.push_back({network.value("id", ""), network.value("name", ""), network.value("status", ""),
                    joined(network.value("addresses", Json::array()))});
  }
  print_table(rows);
  for (const Json& network : *list) {
    const std::string reason = network.value("reason", "");
    if (!reason.empty()) fmt::print(stderr, "{}: {}\n", network.value("id", ""), reason);
  }
  return kDone;
}

}  // namespace

void add_networks(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand("networks", "The joined networks and their addresses");
  const auto options = std::make_shared<Options>();
  options->add_home(*command);
  options->add_json(*command);
  command
      ->add_option("--wait", options->wait_seconds,
                   "Wait until every joined network has an address, at most this long")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber);
  command->callback([options, &chosen] { chosen = [options] { return networks(*options); }; });
}

}  // namespace ztshim::cli
