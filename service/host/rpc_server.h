// HOME/service.sock: accepts the programs of this home and keeps their sessions, those that come
// through a capability among them. What they ask for is rpc/'s business.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/result.h"
#include "common/rpc_channel.h"
#include "common/unique_fd.h"
#include "service/host/event_loop.h"
#include "service/host/home_files.h"
#include "service/host/rpc_capabilities.h"
#include "service/rpc/session.h"

namespace ztshim::host {

class RpcServer final : public Watcher {
 public:
  // Listens; to the own user and to root, and to the users `allowed` as well (the home's folder and
  // its socket are then open to all, and the kernel's word on who connects decides). Only with the
  // home's lock held: a socket that is there already is a dead one's and is replaced. `files` and
  // `loop` outlive this object, and so does what `services` refers to.
  static Result<std::unique_ptr<RpcServer>, std::string> open(const HomeFiles& files,
                                                              EventLoop& loop,
                                                              const rpc::Services& services,
                                                              std::vector<uid_t> allowed = {});
  ~RpcServer() override;
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  void on_ready(std::uint32_t epoll_events) override;
  std::size_t session_count() const { return sessions_.size(); }
  // Is there a client that is not this process?
  bool has_others_than(int pid) const;

 private:
  RpcServer(const HomeFiles& files, EventLoop& loop, const rpc::Services& services, UniqueFd fd,
            std::vector<uid_t> allowed);
  bool accept_one();
  bool is_allowed(int connection) const;
  void begin_session(UniqueFd connection);

  const HomeFiles& files_;
  EventLoop& loop_;
  rpc::Services services_;
  RpcCapabilities capabilities_;
  UniqueFd listener_;
  std::vector<uid_t> allowed_;
  Poller::WatchId watch_ = 0;
  std::unordered_map<const rpc::Session*, std::unique_ptr<rpc::Session>> sessions_;
};

}  // namespace ztshim::host
