// One client of the service: reads its requests, has them handled, writes the replies. Every
// request is answered at once; a client that speaks out of turn or garbage is cut off.
#pragma once

#include <cstdint>
#include <functional>

#include "common/unique_fd.h"
#include "service/rpc/handlers.h"
#include "service/sockets/poller.h"

namespace ztshim::rpc {

class Session final : public Watcher {
 public:
  // `connection`: non-blocking, accepted from HOME/service.sock, its peer's uid already checked.
  // `ended` is called once, as the last thing the session does: it may destroy it.
  Session(UniqueFd connection, const Services& services, Poller& poller,
          std::function<void(Session&)> ended);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void on_ready(std::uint32_t epoll_events) override;
  int pid() const { return caller_.pid; }

 private:
  bool serve_one();  // false: nothing there, or is_over_
  bool answer(ByteView message);

  UniqueFd connection_;
  Services services_;
  Poller& poller_;
  std::function<void(Session&)> ended_;
  Poller::WatchId watch_ = 0;
  Caller caller_;
  bool has_said_hello_ = false;
  bool is_over_ = false;
};

}  // namespace ztshim::rpc
