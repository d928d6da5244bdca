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
// vl1-behaviour 13.1.
constexpr std::uint16_t kLowestRandomPort = 20000;
constexpr std::uint16_t kHighestRandomPort = 65499;
constexpr int kPortAttempts = 256;

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

std::uint16_t random_port(RandomSource& random) {
  return static_cast<std::uint16_t>(kLowestRandomPort +
                                    random.below(kHighestRandomPort - kLowestRandomPort + 1));
}

std::string cannot_bind(const Endpoint& local, int error) {
  if (error == EADDRINUSE) {
    return fmt::format("UDP {} is in use by another program; choose another port, or 0 for any",
                       local.text());
  }
  if (error == EADDRNOTAVAIL) {
    return fmt::format("UDP {} cannot be bound: this machine does not have that address",
                       local.text());
  }
  return fmt::format("UDP {} cannot be bound: {}", local.text(), std::strerror(error));
}

// -1 with errno.
int open_socket(const Endpoint& local) {
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
    target.fd = fd.get();
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

// ---- opening

UdpPorts::UdpPorts(EventLoop& loop, OnDatagram on_datagram, OnBatch on_batch)
    : loop_(loop), on_datagram_(std::move(on_datagram)), on_batch_(std::move(on_batch)) {}

UdpPorts::~UdpPorts() {
  for (const auto& port : ports_) loop_.unwatch(port->watch);
}

Result<std::unique_ptr<UdpPorts>, std::string> UdpPorts::open(const Options& options,
                                                              RandomSource& random, EventLoop& loop,
                                                              OnDatagram on_datagram,
                                                              OnBatch on_batch) {
  std::unique_ptr<UdpPorts> made(new UdpPorts(loop, std::move(on_datagram), std::move(on_batch)));
  int error = 0;
  const bool any_will_do =
      options.port == 0 && std::none_of(options.bind.begin(), options.bind.end(),
                                        [](const Endpoint& e) { return e.port != 0; });
  std::uint16_t port = options.port != 0 ? options.port : options.preferred_port;
  Result<void, std::string> bound = failure(std::string());
  for (int attempt = 0; !bound && attempt < kPortAttempts; ++attempt) {
    if (port == 0) port = random_port(random);
    bound = made->bind_all(options, port, error);
    if (!any_will_do || error != EADDRINUSE) break;
    port = 0;
  }
  if (!bound) return failure(bound.error());
  for (const auto& each : made->ports_) {
    each->target.segmentation = options.segmentation && knows_segmentation(each->fd.get());
    if (options.coalescing) set(each->fd.get(), IPPROTO_UDP, UDP_GRO, 1);
    each->receive_buffer = grow_buffer(each->fd.get(), SO_RCVBUFFORCE, SO_RCVBUF);
    grow_buffer(each->fd.get(), SO_SNDBUFFORCE, SO_SNDBUF);
    each->watch = loop.watch_first(each->fd.get(), EPOLLIN, *each);
    if (each->watch == 0) return failure(std::string("cannot wait for UDP datagrams"));
    log(LogArea::Host, LogLevel::Info, "listening on UDP {}, receive buffer {} bytes",
        each->bound.text(), each->receive_buffer);
  }
  return made;
}

Result<void, std::string> UdpPorts::bind_all(const Options& options, std::uint16_t number,
                                             int& error) {
  ports_.clear();
  error = 0;
  const bool wildcard = options.bind.empty();
  const std::vector<Endpoint> any{{IpAddress::v4(0), 0}, {IpAddress::v6(Bytes(16, 0)), 0}};
  for (Endpoint local : wildcard ? any : options.bind) {
    if (local.port == 0) local.port = number;
    UniqueFd fd(keep_internal_fd(open_socket(local)));
    if (!fd) {
      error = errno;
      // A machine may lack one of the families; an address that was asked for must be there.
      const bool family_missing = error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
      if (wildcard && family_missing) continue;
      ports_.clear();
      return failure(cannot_bind(local, error));
    }
    const auto id = static_cast<LocalSocket>(ports_.size() + 1);
    ports_.push_back(std::make_unique<Port>(*this, id, local, std::move(fd)));
  }
  if (ports_.empty()) return failure(std::string("this machine has neither IPv4 nor IPv6"));
  return {};
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
    for (UdpBatch& batch : batches_) {
      const Outbox::Datagram& first = datagrams[batch.first];
      const bool v6 = first.remote.ip.is_v6();
      if (v6 != (target.family == AF_INET6)) continue;
      if (first.socket != kAnySocket && first.socket != port->id) continue;
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

std::uint16_t UdpPorts::port() const { return ports_.empty() ? 0 : ports_.front()->bound.port; }

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
