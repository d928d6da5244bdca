#include "service/host/udp_ports.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#define UDP_SEGMENT 103
#endif

namespace ztshim::host {
namespace {

// A few full windows; the kernel grants what the administrator allows.
constexpr int kWantedBuffer = 4 << 20;
// Receive calls in one turn: enough for the largest backlog worth having, few enough that the
// application's side is served in between.
constexpr int kReceiveRounds = 16;
bool set(int fd, int level, int name, int value) {
  return real().setsockopt(fd, level, name, &value, sizeof value) == 0;
}

int grow_buffer(int fd, int forced, int name) {
  if (!set(fd, SOL_SOCKET, forced, kWantedBuffer)) set(fd, SOL_SOCKET, name, kWantedBuffer);
  int granted = 0;
  socklen_t size = sizeof granted;
  real().getsockopt(fd, SOL_SOCKET, name, &granted, &size);
  return granted / 2;  // the kernel counts its own overhead as the other half
}

// Has no meaning but "does this kernel know the option": 0 switches segmentation off.
bool knows_segmentation(int fd) { return set(fd, IPPROTO_UDP, UDP_SEGMENT, 0); }

// -1 with errno.
int open_socket(const UdpBinding& binding) {
  const Endpoint& local = binding.local;
  const int family = local.ip.is_v6() ? AF_INET6 : AF_INET;
  UniqueFd fd(real().socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return -1;
  // Fragmentation is the routers' business, not an error: peers on narrow paths still work
  // (vl1-behaviour 13.2).
  if (family == AF_INET6) {
    set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set(fd.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
  } else {
    set(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  }
  set(fd.get(), SOL_SOCKET, SO_BROADCAST, 1);
  // The interface's own route and not the default one, on machines with several. Kernels before 5.7
  // want a privilege for it: then the routing table decides.
  if (!binding.interface.empty()) {
    real().setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, binding.interface.c_str(),
                      static_cast<socklen_t>(binding.interface.size()));
  }
  sockaddr_storage address{};
  const socklen_t length = local.to_sockaddr(address, family);
  if (real().bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return -1;
  return fd.release();
}

}  // namespace

// ---- one socket

class UdpPorts::Port final : public Watcher {
 public:
  Port(UdpPorts& ports, LocalSocket number, const Endpoint& local, UniqueFd socket)
      : owner(ports), id(number), fd(std::move(socket)), bound(local) {
    target.family = local.ip.is_v6() ? AF_INET6 : AF_INET;
  }
  void on_ready(std::uint32_t) override { owner.receive(*this); }

  UdpPorts& owner;
  const LocalSocket id;
  UniqueFd fd;
  Endpoint bound;
  UdpSender::Target target;
  int receive_buffer = 0;
  Poller::WatchId watch = 0;
};

// ---- opening and closing

UdpPorts::UdpPorts(Options options, EventLoop& loop, OnDatagram on_datagram, OnBatch on_batch)
    : options_(options),
      loop_(loop),
      on_datagram_(std::move(on_datagram)),
      on_batch_(std::move(on_batch)) {}

UdpPorts::~UdpPorts() {
  for (const auto& port : ports_) loop_.unwatch(port->watch);
}

int UdpPorts::add(const UdpBinding& binding) {
  UniqueFd fd(keep_internal_fd(open_socket(binding)));
  if (!fd) return errno;
  auto port = std::make_unique<Port>(*this, last_id_ + 1, binding.local, std::move(fd));
  const int raw = port->fd.get();
  port->target.segmentation = options_.segmentation && knows_segmentation(raw);
  if (options_.coalescing) set(raw, IPPROTO_UDP, UDP_GRO, 1);
  port->receive_buffer = grow_buffer(raw, SO_RCVBUFFORCE, SO_RCVBUF);
  grow_buffer(raw, SO_SNDBUFFORCE, SO_SNDBUF);
  port->watch = loop_.watch_first(raw, EPOLLIN, *port);
  if (port->watch == 0) return ENOMEM;
  log(LogArea::Host, LogLevel::Info, "listening on UDP {}, receive buffer {} bytes",
      binding.local.text(), port->receive_buffer);
  ++last_id_;
  ports_.push_back(std::move(port));
  return 0;
}

void UdpPorts::close_unless(const std::function<bool(const Endpoint& local)>& keep) {
  std::erase_if(ports_, [&](const auto& port) {
    if (keep(port->bound)) return false;
    log(LogArea::Host, LogLevel::Info, "no longer listening on UDP {}", port->bound.text());
    loop_.unwatch(port->watch);
    return true;
  });
}

bool UdpPorts::has(const Endpoint& local) const {
  return std::any_of(ports_.begin(), ports_.end(),
                     [&](const auto& port) { return port->bound == local; });
}

// ---- in

void UdpPorts::receive(Port& port) {
  Arrival arrival{port.id, {}};
  const UdpReceiver::OnDatagram deliver = [&](const Endpoint& remote, MutableBytes datagram) {
    arrival.remote = remote;
    ++datagrams_in_;
    on_datagram_(arrival, datagram);
  };
  for (int round = 0; round < kReceiveRounds; ++round) {
    ++receive_calls_;
    const bool more = receiver_.receive(port.fd.get(), deliver);
    on_batch_();
    if (!more) return;
  }
}

// ---- out

void UdpPorts::send(const Outbox& out) {
  const auto& datagrams = out.datagrams();
  if (datagrams.empty()) return;
  sender_.begin_round();
  plan_batches(datagrams, batches_);
  for (const auto& port : ports_) {
    UdpSender::Target& target = port->target;
    target.fd = port->fd.get();
    for (UdpBatch& batch : batches_) {
      const Outbox::Datagram& first = datagrams[batch.first];
      if (first.socket != kAnySocket && first.socket != port->id) continue;
      if (first.remote.ip.is_v6() != (target.family == AF_INET6)) continue;
      batch.taken = true;
      if (target.segmentation || batch.count == 1) {
        const ByteView bytes(out.bytes_of(first).data(), batch.bytes);
        sender_.add(target, first.remote, first.ttl, bytes, batch.segment, batch.count);
        continue;
      }
      for (std::size_t i = batch.first; i < batch.first + batch.count; ++i) {
        sender_.add(target, first.remote, first.ttl, out.bytes_of(datagrams[i]), datagrams[i].size,
                    1);
      }
    }
    sender_.flush(target);
  }
  for (const UdpBatch& batch : batches_) {
    if (!batch.taken) dropped_socket_ += batch.count;
  }
}

// ---- looking in

std::vector<Endpoint> UdpPorts::local_endpoints() const {
  std::vector<Endpoint> endpoints;
  for (const auto& port : ports_) endpoints.push_back(port->bound);
  return endpoints;
}

std::vector<vl1::BoundSocket> UdpPorts::sockets() const {
  std::vector<vl1::BoundSocket> sockets;
  for (const auto& port : ports_) sockets.push_back({port->id, {port->bound}});
  return sockets;
}

int UdpPorts::receive_buffer() const {
  int smallest = kWantedBuffer;
  for (const auto& port : ports_) smallest = std::min(smallest, port->receive_buffer);
  return smallest;
}

bool UdpPorts::uses_segmentation() const {
  return std::all_of(ports_.begin(), ports_.end(),
                     [](const auto& port) { return port->target.segmentation; });
}

UdpPorts::Counters UdpPorts::counters() const {
  const UdpSender::Counters& out = sender_.counters();
  return {datagrams_in_,    out.datagrams,     receive_calls_, out.calls,
          out.dropped_full, out.dropped_error, dropped_socket_};
}

}  // namespace ztshim::host
