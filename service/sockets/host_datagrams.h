// The kernel's half of a datagram socket that speaks to the virtual networks and to the host: a
// kernel socket of the same kind inside the service, whose datagrams travel in the same pair.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/endpoint.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "service/sockets/membership_option.h"
#include "service/sockets/options.h"
#include "service/sockets/poller.h"
#include "service/sockets/sockets.h"
#include "service/stack/pbuf_handle.h"

namespace ztshim::sockets {

class HostDatagrams final : private Watcher {
 public:
  // With the options set so far, those that it does not know left out. `local`: empty: unbound.
  // `ready` is called when datagrams may have come.
  static Result<std::unique_ptr<HostDatagrams>> open(Poller& poller, const SocketKind& kind,
                                                     const Options& options, const Endpoint& local,
                                                     std::function<void()> ready);
  ~HostDatagrams() override;
  HostDatagrams(const HostDatagrams&) = delete;
  HostDatagrams& operator=(const HostDatagrams&) = delete;

  struct Outgoing {
    Endpoint to;
    IpAddress source;  // empty: the kernel chooses
    std::uint32_t interface_index = 0;
    int hop_limit = -1, traffic_class = -1;  // -1: the socket's
    ByteView payload;
  };
  std::errc send(const Outgoing& datagram);
  // What the kernel would say to a datagram there.
  std::errc check(const Endpoint& to, std::uint32_t interface_index) const;

  struct Incoming {
    Endpoint from, to;
    std::uint32_t interface_index = 0;
    std::uint8_t hop_limit = 0, traffic_class = 0;
    stack::PbufHandle payload;
  };
  // At most some dozens; on_ready comes again for the rest.
  std::vector<Incoming> receive();
  std::errc set_option(int level, int name, ByteView value);
  std::errc change_membership(const MembershipOption& option);

 private:
  HostDatagrams(Poller& poller, const SocketKind& kind, UniqueFd fd, std::function<void()> ready);
  void on_ready(std::uint32_t events) override;

  Poller& poller_;
  const SocketKind kind_;
  UniqueFd fd_;
  std::function<void()> ready_;
  Poller::WatchId watch_;
};

}  // namespace ztshim::sockets
