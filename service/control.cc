// What programs and the command line ask of the service (rpc::Control): waiting for the network,
// facts as JSON, joining and leaving. Runs in the service's turns.
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"
#include "service/host/local_settings.h"
#include "service/service.h"
#include "service/status.h"
#include "service/worlds.h"

namespace ztshim {
namespace {

// One per program that waits for the network; a program waits in one place per thread.
constexpr std::size_t kMaxWaiters = 1024;

bool is_final_refusal(vl2::NetworkStatus status) {
  switch (status) {
    case vl2::NetworkStatus::AccessDenied:
    case vl2::NetworkStatus::NotFound:
    case vl2::NetworkStatus::PortError:
    case vl2::NetworkStatus::ClientTooOld:
    case vl2::NetworkStatus::AuthenticationRequired:
      return true;
    case vl2::NetworkStatus::RequestingConfiguration:
    case vl2::NetworkStatus::Ok:
      return false;
  }
  return false;
}

// What the kernel says of an Ethernet interface that is up and has a carrier.
constexpr std::uint32_t kInterfaceFlags =
    IFF_UP | IFF_BROADCAST | IFF_RUNNING | IFF_MULTICAST | 1U << 16;  // IFF_LOWER_UP

// Written with a dot at either end it means the same.
std::string without_dots(std::string_view domain) {
  while (!domain.empty() && domain.front() == '.') domain.remove_prefix(1);
  while (!domain.empty() && domain.back() == '.') domain.remove_suffix(1);
  return std::string(domain);
}

// Default routes make nobody's address a network's.
bool has_range_of(const vl2::EffectiveSettings& settings, const IpAddress& ip) {
  const auto contains = [&](const IpPrefix& range) {
    return !range.is_default_route() && range.contains(ip);
  };
  return std::any_of(settings.addresses.begin(), settings.addresses.end(), contains) ||
         std::any_of(settings.routes.begin(), settings.routes.end(),
                     [&](const vl2::EffectiveRoute& route) { return contains(route.target); });
}

}  // namespace

bool Service::networks_ready() const {
  for (const NetworkId network : node_->vl2().networks()) {
    const auto info = node_->vl2().info(network);
    if (info && info->addresses.empty() && !is_final_refusal(info->status)) return false;
  }
  return true;
}

Result<UniqueFd> Service::make_ready_fd() {
  // Those who no longer wait have closed their end.
  std::erase_if(waiters_, [](const UniqueFd& waiter) {
    pollfd asked{waiter.get(), 0, 0};
    return real().poll(&asked, 1, 0) > 0 && (asked.revents & POLLERR) != 0;
  });
  if (waiters_.size() >= kMaxWaiters) return failure(std::errc::too_many_files_open);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failure(static_cast<std::errc>(errno));
  UniqueFd theirs(keep_internal_fd(ends[0]));
  waiters_.emplace_back(keep_internal_fd(ends[1]));
  return theirs;
}

void Service::release_waiters() {
  if (!waiters_.empty() && networks_ready()) waiters_.clear();
}

nlohmann::json Service::networks_json() const {
  auto list = nlohmann::json::array();
  for (const NetworkId network : node_->vl2().networks()) {
    const auto info = node_->vl2().info(network);
    const auto settings = settings_.find(network);
    if (!info) continue;
    list.push_back(status::network(
        *info, settings == settings_.end() ? vl2::LocalSettings{} : settings->second));
    if (const auto counters = node_->vl2().counters(network)) {
      list.back()["counters"] = status::frame_counters(*counters);
    }
  }
  return list;
}

std::string Service::status_json(rpc::Section section) const {
  auto list = nlohmann::json::array();
  switch (section) {
    case rpc::Section::Status:
      list = status::node(
          *node_, now(),
          {options_.home, physical_->ports().local_endpoints(), physical_->uses_tcp_relay()},
          networks_json());
      list["physical"] = status::physical(*physical_);
      break;
    case rpc::Section::Networks:
      list = networks_json();
      break;
    case rpc::Section::Peers:
      for (const auto& peer : node_->vl1().peers(now().time)) {
        const auto& planet = node_->vl1().planet();
        list.push_back(status::peer(peer, now(), planet && planet->has_root(peer.address)));
      }
      break;
    case rpc::Section::Sockets:
      for (const auto& socket : sockets_->list()) list.push_back(status::socket(socket));
      break;
  }
  // Names of networks come from controllers: whatever is not UTF-8 is replaced, never thrown over.
  return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<void> Service::join(std::uint64_t network) {
  const NetworkId id(network);
  if (const auto stored = store_.add_network(id); !stored) {
    log(LogArea::Service, LogLevel::Error, "{}", stored.error());
    return failure(std::errc::io_error);
  }
  settings_.try_emplace(id);
  node_->join(now(), id, out_);
  return {};
}

Result<void, std::string> Service::change_settings(
    NetworkId network,
    const std::function<Result<void, std::string>(vl2::LocalSettings&)>& change) {
  const auto known = settings_.find(network);
  if (known == settings_.end()) {
    return failure(fmt::format("{} is not joined", network.text()));
  }
  vl2::LocalSettings settings = known->second;
  if (auto changed = change(settings); !changed) return changed;
  if (auto saved = store_.save_settings(network, settings); !saved) return saved;
  known->second = settings;
  node_->vl2().set_settings(now(), network, std::move(settings), out_);
  return {};
}

Result<void> Service::leave(std::uint64_t network) {
  const NetworkId id(network);
  node_->leave(now(), id, out_);
  bridge_->update(id);
  settings_.erase(id);
  store_.remove_network(id);
  release_waiters();
  return {};
}

Result<UniqueFd> Service::ping(std::string_view target, const rpc::Ping& request) {
  return reachability_->ping(now().time, target, request);
}

std::string Service::why(const Endpoint& peer, const sockets::Policy& policy) {
  return reachability_->why(peer, policy, networks_ready());
}

std::vector<rpc::InterfaceRecord> Service::interfaces(const sockets::Policy&) const {
  std::vector<rpc::InterfaceRecord> list;
  for (auto& view : stack_->interfaces()) {
    rpc::InterfaceRecord record;
    record.index = view.config.index;
    record.flags = kInterfaceFlags;
    record.mtu = view.config.mtu;
    record.mac = view.config.mac;
    record.name = std::move(view.config.name);
    record.addresses = std::move(view.config.addresses);
    if (view.link_local) record.addresses.push_back({view.link_local, 64});
    list.push_back(std::move(record));
  }
  std::sort(list.begin(), list.end(),
            [](const auto& a, const auto& b) { return a.index < b.index; });
  return list;
}

std::vector<rpc::ResolverRecord> Service::resolvers(const IpAddress& about) const {
  std::vector<rpc::ResolverRecord> list;
  for (const NetworkId network : node_->vl2().networks()) {
    const auto info = node_->vl2().info(network);
    if (!info || info->effective.dns_domain.empty()) continue;
    if (about && !has_range_of(info->effective, about)) continue;
    rpc::ResolverRecord record;
    record.domain = without_dots(info->effective.dns_domain);
    if (record.domain.empty()) continue;
    record.interface = NetworkBridge::interface_name(network);
    for (const IpAddress& server : info->effective.dns_servers) {
      const bool is_on_network =
          stack_->route_on(stack::InterfaceId{network.number()}, server).has_value();
      record.servers.push_back({server, is_on_network});
    }
    list.push_back(std::move(record));
  }
  return list;
}

bool Service::resolvers_ready() const {
  for (const NetworkId network : node_->vl2().networks()) {
    const auto settings = settings_.find(network);
    if (settings == settings_.end() || !settings->second.allow_dns) continue;
    const auto info = node_->vl2().info(network);
    if (info && info->addresses.empty() && !is_final_refusal(info->status)) return false;
  }
  return true;
}

std::string Service::administer(std::string_view request) {
  if (const auto answer = administer_worlds(*node_, now(), request, out_)) return *answer;
  const auto change = [this](NetworkId network, const std::vector<std::string>& assignments) {
    return change_settings(network, [&](vl2::LocalSettings& settings) {
      return host::apply_local_settings(settings, assignments);
    });
  };
  return administration_.carry_out(*node_, now(), request, change, out_);
}

}  // namespace ztshim
