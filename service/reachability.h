// What `ztshim ping` and `ztshim why` ask of the running service: echo requests on the virtual
// networks, and which way a connection would go.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/unique_fd.h"
#include "service/node/node.h"
#include "service/rpc/control.h"
#include "service/stack/stack.h"

namespace ztshim {

class Reachability {
 public:
  // All outlive this object.
  Reachability(Node& node, stack::Stack& stack, const sockets::Sockets& sockets);
  ~Reachability();
  Reachability(const Reachability&) = delete;
  Reachability& operator=(const Reachability&) = delete;

  // As Control::ping and Control::why.
  Result<UniqueFd> ping(Time now, std::string_view target, const rpc::Ping& request);
  std::string why(const Endpoint& peer, const sockets::Policy& policy, bool networks_ready) const;

  void on_deadline(Time now);
  Time next_deadline() const;

 private:
  using Clock = std::chrono::steady_clock;
  // One `ztshim ping`.
  struct Run {
    UniqueFd end;
    stack::Stack::Hop hop;
    IpAddress to;
    std::uint16_t identifier = 0;
    std::uint32_t count = 0, sent = 0, received = 0;
    Duration interval{};
    Bytes payload;
    Time due{};
    std::map<std::uint16_t, Clock::time_point> on_their_way;
  };
  struct Target {
    IpAddress ip;
    std::optional<NetworkId> network;
  };
  std::optional<Target> parse_target(std::string_view text) const;
  bool send_next(Run& run, Time now);
  void on_reply(const stack::EchoReply& reply);
  bool tell(Run& run, const nlohmann::json& message);
  nlohmann::json describe(const stack::Stack::Hop& hop) const;

  Node& node_;
  stack::Stack& stack_;
  const sockets::Sockets& sockets_;
  std::list<Run> runs_;
  std::uint16_t last_identifier_ = 0;
};

}  // namespace ztshim
