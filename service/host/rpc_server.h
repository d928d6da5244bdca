// HOME/service.sock: accepts the programs of this home and keeps their sessions. What they ask for
// is rpc/'s business.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "common/result.h"
#include "common/rpc_channel.h"
#include "common/unique_fd.h"
#include "service/host/event_loop.h"
#include "service/host/home_files.h"
#include "service/rpc/session.h"

namespace ztshim::host {

class RpcServer final : public Watcher {
 public:
  // Listens. Only with the home's lock held: a socket that is there already is a dead one's and is
  // replaced. `files` and `loop` outlive this object, and so does what `services` refers to.
  static Result<std::unique_ptr<RpcServer>, std::string> open(const HomeFiles& files,
                                                              EventLoop& loop,
                                                              const rpc::Services& services);
  ~RpcServer() override;
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  void on_ready(std::uint32_t epoll_events) override;
  std::size_t session_count() const { return sessions_.size(); }
  // Is there a client that is not this process?
  bool has_others_than(int pid) const;

 private:
  RpcServer(const HomeFiles& files, EventLoop& loop, const rpc::Services& services, UniqueFd fd)
      : files_(files), loop_(loop), services_(services), listener_(std::move(fd)) {}
  bool accept_one();

  const HomeFiles& files_;
  EventLoop& loop_;
  rpc::Services services_;
  UniqueFd listener_;
  Poller::WatchId watch_ = 0;
  std::unordered_map<const rpc::Session*, std::unique_ptr<rpc::Session>> sessions_;
};

}  // namespace ztshim::host
