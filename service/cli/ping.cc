// ztshim ping: echo requests on the virtual networks, sent by the running service.
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>

#include "service/cli/client.h"
#include "service/cli/command.h"

namespace ztshim::cli {
namespace {

struct Options : HomeOptions {
  std::string target;
  std::uint32_t count = 0, size = 56;
  double interval = 1;
};

void print(const Json& event) {
  const std::string type = event.value("type", "");
  if (type == "begin") {
    const Json way = event.value("way", Json::object());
    fmt::print("PING {} from {} on {} ({})\n", event.value("to", ""), way.value("source", ""),
               way.value("network", ""), way.value("interface", ""));
  } else if (type == "reply") {
    fmt::print("{} bytes from {}: seq={} ttl={} time={:.3g} ms\n", event.value("size", 0) + 8,
               event.value("from", ""), event.value("sequence", 0), event.value("hops", 0),
               event.value("ms", 0.0));
  } else if (type == "error") {
    fmt::print("{}: {}\n", event.value("from", "no answer"), event.value("reason", ""));
  } else if (type == "end") {
    const std::string reason = event.value("reason", "");
    fmt::print("{} sent, {} received{}\n", event.value("sent", 0), event.value("received", 0),
               reason.empty() ? "" : ": " + reason);
  }
  std::fflush(stdout);
}

// The failures that only need explaining.
std::string explained(const Options& options, const std::string& error) {
  if (error == "Invalid argument") {
    return options.target +
           ": an IP address is expected; for groups and link-local addresses with % and the "
           "network's ID or interface, unless only one network is joined";
  }
  if (error == "Network is unreachable")
    return options.target + ": on no joined network (see `ztshim why`)";
  return error;
}

int ping(Options options) {
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  auto client = Client::connect(options.home);
  if (!client) return fail(client.error());
  if (!*client) return fail(options.home + ": no service runs there");
  rpc::Ping request;
  request.target.assign(as_bytes(options.target));
  request.count = options.count;
  request.size = options.size;
  request.interval_ms = static_cast<std::uint32_t>(options.interval * 1000);
  const auto answers = (*client)->ping(request);
  if (!answers) return fail(explained(options, answers.error()));
  std::uint32_t received = 0;
  for (;;) {
    std::array<char, 4096> buffer;
    const ssize_t size = recv(answers->get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) break;  // it is over, or the service has ended
    const Json event = Json::parse(std::string_view(buffer.data(), static_cast<std::size_t>(size)),
                                   nullptr, false);
    if (event.is_discarded()) continue;
    if (event.value("type", "") == "reply") ++received;
    if (options.json) {
      print_json(event);
      std::fflush(stdout);
    } else {
      print(event);
    }
  }
  return received > 0 ? kDone : kFailed;
}

}  // namespace

void add_ping(CLI::App& app, Action& chosen) {
  auto* const command = app.add_subcommand(
      "ping", "Echo requests on the virtual networks; fails when nobody answers");
  const auto options = std::make_shared<Options>();
  options->add_home(*command);
  options->add_json(*command);
  command->add_option("address", options->target, "ADDR, or ADDR%NETWORK (ff02::1%NETWORK: all)")
      ->required();
  command->add_option("-c,--count", options->count, "How many (default: until interrupted)");
  command->add_option("-i,--interval", options->interval, "Seconds between them (default: 1)")
      ->check(CLI::Range(0.01, 3600.0));
  command->add_option("-s,--size", options->size, "Bytes in each (default: 56)")
      ->check(CLI::Range(0, 65'000));
  command->callback([options, &chosen] { chosen = [options] { return ping(*options); }; });
}

}  // namespace ztshim::cli
