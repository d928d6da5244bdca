#include "service/cli/world_network.h"

#include <fmt/core.h>

namespace ztshim::cli {
namespace {

// Smaller ranges have no room for two members beside the network's own and its broadcast address.
constexpr unsigned kLongestV4Prefix = 29;
constexpr unsigned kLongestV6Prefix = 125;

// `network` with the host bits set to `low` (the lowest 32 of them).
IpAddress with_host(const IpAddress& network, std::uint32_t low) {
  Bytes bytes = to_bytes(network.bytes());
  const std::size_t end = bytes.size();
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[end - 1 - i] = static_cast<std::uint8_t>(bytes[end - 1 - i] | low >> (8 * i));
  }
  return network.is_v4() ? IpAddress::v4(bytes) : IpAddress::v6(bytes);
}

// Adds the range, its route and the mode that hands addresses out of it.
Result<void, std::string> add_pool(Json& fields, const std::string& text, IpFamily family) {
  const auto prefix = IpPrefix::parse(text);
  const unsigned longest = family == IpFamily::V4 ? kLongestV4Prefix : kLongestV6Prefix;
  if (!prefix || prefix->ip.family() != family || prefix->bits == 0 || prefix->bits > longest) {
    return failure(fmt::format("\"{}\" is no address range: {} is one", text,
                               family == IpFamily::V4 ? "10.147.17.0/24" : "fd00:17::/64"));
  }
  const IpAddress network = prefix->network();
  const unsigned host_bits = std::min(network.bit_count() - prefix->bits, 31U);
  const auto last = static_cast<std::uint32_t>((std::uint64_t{1} << host_bits) - 2);
  fields["routes"].push_back(
      {{"target", IpPrefix{network, prefix->bits}.text()}, {"via", nullptr}});
  fields["ipAssignmentPools"].push_back({{"ipRangeStart", with_host(network, 1).text()},
                                         {"ipRangeEnd", with_host(network, last).text()}});
  return {};
}

}  // namespace

void NetworkOptions::add(CLI::App& command) {
  command.add_option("--pool", pool, "IPv4 range for members' addresses")->type_name("CIDR");
  command.add_option("--pool6", pool6, "IPv6 range for members' addresses, or a derived plan")
      ->type_name("CIDR|rfc4193|6plane");
  command.add_flag("--private", is_private,
                   "Members must be authorized (`ztshim member authorize`)");
}

Result<Json, std::string> NetworkOptions::fields(const std::string& default_pool) const {
  Json fields{{"private", is_private},
              {"routes", Json::array()},
              {"ipAssignmentPools", Json::array()},
              {"v4AssignMode", {{"zt", true}}}};
  if (auto added = add_pool(fields, pool.value_or(default_pool), IpFamily::V4); !added) {
    return failure(added.error());
  }
  if (pool6 && (*pool6 == "rfc4193" || *pool6 == "6plane")) {
    fields["v6AssignMode"] = {{*pool6, true}};
  } else if (pool6) {
    if (auto added = add_pool(fields, *pool6, IpFamily::V6); !added) return failure(added.error());
    fields["v6AssignMode"] = {{"zt", true}};
  }
  return fields;
}

Result<NetworkId, std::string> ensure_network(controller::Controller& controller, Now now,
                                              const NetworkOptions& options,
                                              const std::string& default_pool, Outbox& out) {
  const auto present = controller.networks();
  if (!present.empty() && options.is_default()) return present.front();
  auto fields = options.fields(default_pool);
  if (!fields) return failure(fields.error());
  const NetworkId id = present.empty() ? controller.unused_network_id() : present.front();
  if (present.empty()) (*fields)["name"] = "lab";
  const auto changed = controller.change_network(now, id, fields->dump(), out);
  if (!changed) return failure(changed.error());
  return id;
}

}  // namespace ztshim::cli
