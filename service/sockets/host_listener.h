// The kernel's half of a listener that listens on the virtual networks and on the host at once
// (ZTSHIM_LISTEN=both): accepts there and hands the descriptors to the virtual listener, which
// passes them on like its own. They are plain kernel sockets and need nothing of us afterwards.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "common/endpoint.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "service/sockets/poller.h"

namespace ztshim::sockets {

class HostListener final : private Watcher {
 public:
  // `ready` is called when a connection may wait.
  static Result<std::unique_ptr<HostListener>> open(Poller& poller, const Endpoint& local,
                                                    int domain, bool v6_only, bool reuse_port,
                                                    int backlog, std::function<void()> ready);
  ~HostListener() override;
  HostListener(const HostListener&) = delete;
  HostListener& operator=(const HostListener&) = delete;

  struct Accepted {
    UniqueFd fd;
    Endpoint peer, local;
  };
  // Nothing: none waits, or no descriptor is free (errno says which).
  std::optional<Accepted> accept();
  void set_backlog(int backlog);

 private:
  HostListener(Poller& poller, UniqueFd fd, std::function<void()> ready);
  void on_ready(std::uint32_t events) override;

  Poller& poller_;
  UniqueFd fd_;
  std::function<void()> ready_;
  Poller::WatchId watch_;
};

}  // namespace ztshim::sockets
