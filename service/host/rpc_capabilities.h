// The service's ends of the capabilities it has handed out (common/rpc_capability.h): takes the
// connections that come through them. One lives as long as any process holds its other end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "common/rpc_capability.h"
#include "service/rpc/handlers.h"
#include "service/sockets/poller.h"

namespace ztshim::host {

class RpcCapabilities final : public rpc::Capabilities {
 public:
  // A connection as accept4 gives them: non-blocking, its peer not yet greeted. Whoever sends one
  // holds the capability, and needs no other right.
  using OnConnection = std::function<void(UniqueFd connection)>;

  RpcCapabilities(Poller& poller, ServiceId service, OnConnection on_connection);
  ~RpcCapabilities() override;
  RpcCapabilities(const RpcCapabilities&) = delete;
  RpcCapabilities& operator=(const RpcCapabilities&) = delete;

  Result<UniqueFd> give(const rpc::Caller& to) override;
  std::size_t size() const { return given_.size(); }

 private:
  class Given;

  Poller& poller_;
  ServiceId service_;
  OnConnection on_connection_;
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Given>> given_;
};

}  // namespace ztshim::host
