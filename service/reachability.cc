#include "service/reachability.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/internal_fds.h"
#include "common/real.h"
#include "service/network_bridge.h"

namespace ztshim {
namespace {

using nlohmann::json;

// Somebody at a terminal each; more is a mistake.
constexpr std::size_t kMaxRuns = 32;
// Faster would be a flood.
constexpr Duration kLeastInterval{10};
// How long the last request may take: a path may have to be found and a neighbour asked for first.
constexpr Duration kLastAnswer{3'000};
// Requests whose answers are still expected; older ones are forgotten.
constexpr std::size_t kMostOnTheirWay = 1024;

bool is_closed(int fd) {
  pollfd asked{fd, 0, 0};
  return real().poll(&asked, 1, 0) > 0 && (asked.revents & (POLLHUP | POLLERR)) != 0;
}

std::string text_of(std::errc error) { return std::strerror(static_cast<int>(error)); }

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

NetworkId network_of(const stack::Stack::Hop& hop) {
  return NetworkId(static_cast<std::uint64_t>(hop.interface));
}

}  // namespace

Reachability::Reachability(Node& node, stack::Stack& stack, const sockets::Sockets& sockets)
    : node_(node), stack_(stack), sockets_(sockets) {
  stack_.set_echo_listener([this](const stack::EchoReply& reply) { on_reply(reply); });
}

Reachability::~Reachability() { stack_.set_echo_listener({}); }

// "ADDRESS", or "ADDRESS%NETWORK" with the network's ID or the interface's name.
std::optional<Reachability::Target> Reachability::parse_target(std::string_view text) const {
  const auto percent = text.find('%');
  const auto ip = IpAddress::parse(text.substr(0, percent));
  if (!ip) return std::nullopt;
  Target target{ip->unmapped(), {}};
  if (percent == std::string_view::npos) return target;
  const std::string_view wanted = text.substr(percent + 1);
  for (const NetworkId network : node_.vl2().networks()) {
    if (network.text() == wanted || NetworkBridge::interface_name(network) == wanted) {
      target.network = network;
      return target;
    }
  }
  return std::nullopt;
}

Result<UniqueFd> Reachability::ping(Time now, std::string_view text, const rpc::Ping& request) {
  auto target = parse_target(text);
  if (!target) return failure(std::errc::invalid_argument);
  const bool needs_network = target->ip.is_multicast() || target->ip.is_link_local();
  const auto networks = node_.vl2().networks();
  if (needs_network && !target->network) {
    if (networks.size() != 1) return failure(std::errc::invalid_argument);
    target->network = networks.front();
  }
  const auto hop = target->network
                       ? stack_.route_on(stack::InterfaceId{target->network->number()}, target->ip)
                       : stack_.route(target->ip);
  if (!hop) return failure(std::errc::network_unreachable);
  if (runs_.size() >= kMaxRuns) return failure(std::errc::resource_unavailable_try_again);
  int ends[2];
  if (real().socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return failure(static_cast<std::errc>(errno));
  Run run;
  run.end.reset(keep_internal_fd(ends[0]));
  UniqueFd theirs(keep_internal_fd(ends[1]));
  run.hop = *hop;
  run.to = target->ip;
  run.identifier = ++last_identifier_;
  run.count = request.count;
  run.interval = std::max(Duration{request.interval_ms}, kLeastInterval);
  run.payload.assign(std::min<std::size_t>(request.size, 65'000), 0x5a);
  run.due = now;
  tell(run, {{"type", "begin"}, {"to", target->ip.text()}, {"way", describe(*hop)}});
  runs_.push_back(std::move(run));
  return theirs;
}

// False: the asker has gone.
bool Reachability::tell(Run& run, const json& message) {
  const std::string text = dump(message);
  iovec part{const_cast<char*>(text.data()), text.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  const ssize_t sent = real().sendmsg(run.end.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  // One that does not read misses some; it is not waited for.
  return sent >= 0 || errno == EAGAIN;
}

// False: over.
bool Reachability::send_next(Run& run, Time now) {
  if (is_closed(run.end.get())) return false;
  if (run.count != 0 && run.sent == run.count) {
    json end{{"type", "end"}, {"sent", run.sent}, {"received", run.received}};
    const bool is_one = !run.to.is_multicast();
    if (run.received == 0 && is_one && !stack_.is_neighbour_known(run.hop)) {
      end["reason"] = "nobody on the network answers for " + run.hop.next_hop.text();
    }
    tell(run, end);
    return false;
  }
  const auto sequence = static_cast<std::uint16_t>(++run.sent);
  run.on_their_way[sequence] = Clock::now();
  if (run.on_their_way.size() > kMostOnTheirWay) run.on_their_way.erase(run.on_their_way.begin());
  const std::errc error =
      stack_.send_echo(run.hop, {run.to, run.identifier, sequence, run.payload});
  if (error != std::errc{}) {
    tell(run, {{"type", "error"}, {"sequence", sequence}, {"reason", text_of(error)}});
  }
  const bool is_last = run.count != 0 && run.sent == run.count;
  // The end comes with the last answer, or when it stays away.
  run.due = now + (is_last ? std::max(kLastAnswer, run.interval) : run.interval);
  return true;
}

void Reachability::on_reply(const stack::EchoReply& reply) {
  const auto run = std::find_if(runs_.begin(), runs_.end(),
                                [&](const Run& r) { return r.identifier == reply.identifier; });
  if (run == runs_.end()) return;
  if (reply.error != std::errc{}) {
    tell(*run, {{"type", "error"}, {"from", reply.from.text()}, {"reason", text_of(reply.error)}});
    return;
  }
  // A group's requests have many answers; others have one each.
  const auto sent = run->on_their_way.find(reply.sequence);
  if (sent == run->on_their_way.end()) return;
  const std::chrono::duration<double, std::milli> took = Clock::now() - sent->second;
  ++run->received;
  tell(*run, {{"type", "reply"},
              {"from", reply.from.text()},
              {"sequence", reply.sequence},
              {"size", reply.size},
              {"hops", reply.hops},
              {"ms", took.count()}});
  if (run->to.is_multicast()) return;
  run->on_their_way.erase(sent);
  const bool was_last = run->count != 0 && run->sent == run->count && run->on_their_way.empty();
  if (was_last) run->due = Time{};
}

void Reachability::on_deadline(Time now) {
  for (auto run = runs_.begin(); run != runs_.end();) {
    const bool goes_on = run->due > now || send_next(*run, now);
    run = goes_on ? std::next(run) : runs_.erase(run);
  }
}

Time Reachability::next_deadline() const {
  Time next = kNever;
  for (const Run& run : runs_) next = std::min(next, run.due);
  return next;
}

json Reachability::describe(const stack::Stack::Hop& hop) const {
  if (hop.interface == stack::kLoopback) {
    return {{"interface", "lo"}, {"source", hop.source.text()}, {"nextHop", hop.next_hop.text()}};
  }
  const NetworkId network = network_of(hop);
  const auto info = node_.vl2().info(network);
  json way{{"network", network.text()},
           {"name", info ? info->name : ""},
           {"interface", NetworkBridge::interface_name(network)},
           {"source", hop.source.text()},
           {"nextHop", hop.next_hop.text()}};
  if (const auto known = stack_.neighbour(hop)) {
    const MacAddress mac(*known);
    way["mac"] = mac.text();
    if (mac.is_member_of(network)) way["member"] = mac.member_of(network).text();
  }
  return way;
}

std::string Reachability::why(const Endpoint& peer, const sockets::Policy& policy,
                              bool networks_ready) const {
  using sockets::Decision;
  const IpAddress ip = peer.ip.unmapped();
  const Decision decision = sockets_.decide(ip, policy);
  json answer{{"destination", Endpoint{ip, peer.port}.text()}};
  answer["way"] = decision.way == Decision::Way::Virtual ? "virtual"
                  : decision.way == Decision::Way::Host  ? "host"
                                                         : "refused";
  switch (decision.reason) {
    case Decision::Reason::Loopback:
      answer["reason"] = decision.hop ? "the loopback is virtual (ZTSHIM_LOOPBACK)"
                                      : "loopback belongs to the host (ZTSHIM_LOOPBACK)";
      if (decision.hop) answer["via"] = describe(*decision.hop);
      break;
    case Decision::Reason::Multicast:
      answer["reason"] = "there is no connecting to a group";
      break;
    case Decision::Reason::LinkLocal:
      answer["reason"] = "a link-local address is on a network only together with its scope";
      break;
    case Decision::Reason::Interface:
      answer["reason"] = "its scope is an interface of the host";
      break;
    case Decision::Reason::NoRoute:
      answer["reason"] = "no joined network has an address range or a managed route for it";
      break;
    case Decision::Reason::Route:
      answer["reason"] = decision.hop->next_hop == ip && decision.hop->source == ip
                             ? "it is an address of this node"
                         : decision.hop->next_hop == ip ? "it is on the network itself"
                                                        : "a managed route leads there";
      answer["via"] = describe(*decision.hop);
      break;
  }
  if (decision.way == Decision::Way::Refused && decision.reason != Decision::Reason::Multicast) {
    answer["reason"] = answer["reason"].get<std::string>() + ", and ZTSHIM_EGRESS=virtual";
  }
  // The decision may still change; programs wait for that as long as ZTSHIM_WAIT says.
  const bool is_final = decision.hop || decision.reason == Decision::Reason::Loopback;
  if (!is_final && !networks_ready) answer["networksComingUp"] = true;
  return dump(answer);
}

}  // namespace ztshim
