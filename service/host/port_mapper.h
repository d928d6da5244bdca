// Asks the router for a port through which others can reach us: NAT-PMP, else UPnP IGD
// (vl1-behaviour 13.3). The libraries for that block, so they run on a thread of their own.
//
// How it works. The thread lives beside a stranger's threads, so it blocks all signals, marks
// itself as ours (the libraries call sockets by name, which are our hooks), and takes a descriptor
// table of its own: a program that closes all its descriptors does not close the thread's, and the
// libraries' select(), which aborts above descriptor 1024, starts from low numbers. It therefore
// must not log and shares nothing with the loop's thread but `Shared`: answers go there, and an
// eventfd tells the loop. A thread in the middle of a blocking call is left to end by itself.
#pragma once

#include <netinet/in.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "common/unique_fd.h"
#include "service/host/event_loop.h"

namespace ztshim::host {

class PortMapper final : public Watcher {
 public:
  // Where to look; the defaults find the default gateway and whoever answers SSDP.
  struct Places {
    in_addr_t nat_pmp_gateway = INADDR_ANY;  // network order
    std::string upnp_interface;              // address of the interface to search on
    bool nat_pmp = true;
    bool upnp = true;
  };
  struct Options {
    std::uint16_t port = 0;   // of our sockets; the same is wanted outside
    std::string description;  // UPnP's name for the mapping
    Places places;
  };
  using OnChange = std::function<void(std::vector<Endpoint> mapped)>;

  // Nothing when this process may not start such a thread. `on_change` is called from the loop's
  // turns, with the external addresses that lead to the port; none when there are no more.
  static std::unique_ptr<PortMapper> start(EventLoop& loop, Options options, OnChange on_change);
  ~PortMapper() override;
  PortMapper(const PortMapper&) = delete;
  PortMapper& operator=(const PortMapper&) = delete;

  // Where the thread is another process's, or is to end without this object's: see Physical.
  void forget_thread();
  void end_thread();

  // At once instead of at the next refresh: perhaps there is another router now.
  void ask_again();
  std::uint16_t port() const { return port_; }
  void on_ready(std::uint32_t events) override;

  struct Shared;

 private:
  PortMapper(EventLoop& loop, std::uint16_t port, OnChange on_change);

  EventLoop& loop_;
  UniqueFd wanted_;    // the thread waits here: asked again, or to end
  UniqueFd answered_;  // the loop waits here
  const std::uint16_t port_;
  OnChange on_change_;
  std::shared_ptr<Shared> shared_;
  EventLoop::WatchId watch_ = 0;
  std::vector<Endpoint> known_;
};

}  // namespace ztshim::host
