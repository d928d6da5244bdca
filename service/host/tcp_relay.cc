#include "service/host/tcp_relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"

namespace ztshim::host {
namespace {

// How often is looked whether the relay is wanted, and still wanted. The machine counts in minutes.
constexpr Duration kLook{1000};

}  // namespace

TcpRelay::TcpRelay(const vl1::TcpFallback::Settings& settings, EventLoop& loop,
                   OnDatagram on_datagram, std::function<void()> on_batch)
    : machine_(settings, loop.now()),
      loop_(loop),
      on_datagram_(std::move(on_datagram)),
      on_batch_(std::move(on_batch)) {}

TcpRelay::~TcpRelay() { loop_.unwatch(watch_); }

void TcpRelay::on_deadline(Time now) {
  if (now < due_) return;
  due_ = now + kLook;
  const bool wanted = machine_.wants_connection(now);
  if (wanted && !fd_) connect();
  if (!wanted && fd_) {
    log(LogArea::Host, LogLevel::Info, "UDP works again: leaving the TCP relay {}",
        machine_.relay().text());
    close();
  }
}

void TcpRelay::connect() {
  constexpr int kKind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  UniqueFd fd(keep_internal_fd(real().socket(AF_INET, kKind, 0)));
  if (!fd) return;
  // Datagrams want to leave at once, each of them.
  const int on = 1;
  real().setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_storage address{};
  const socklen_t length = machine_.relay().to_sockaddr(address);
  const int connected =
      real().connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length);
  if (connected != 0 && errno != EINPROGRESS) {
    log(LogArea::Host, LogLevel::Debug, "TCP relay {}: {}", machine_.relay().text(),
        std::strerror(errno));
    return machine_.on_closed(loop_.now());
  }
  log(LogArea::Host, LogLevel::Info, "connecting to the TCP relay {}", machine_.relay().text());
  fd_ = std::move(fd);
  waits_to_write_ = true;
  watch_ = loop_.watch(fd_.get(), EPOLLIN | EPOLLOUT, *this);
  if (watch_ == 0) close();
}

void TcpRelay::close() {
  loop_.unwatch(watch_);
  watch_ = 0;
  fd_.reset();
  machine_.on_closed(loop_.now());
}

bool TcpRelay::finish_connecting() {
  int error = 0;
  socklen_t size = sizeof error;
  real().getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return machine_.on_connected(loop_.now()), true;
  log(LogArea::Host, LogLevel::Info, "TCP relay {}: {}", machine_.relay().text(),
      std::strerror(error));
  return false;
}

void TcpRelay::send(const Outbox& out) {
  for (const Outbox::Datagram& datagram : out.datagrams()) {
    // Low hop limits are for opening NATs: a relay has none to open.
    if (datagram.ttl != 0) continue;
    machine_.on_send(loop_.now(), datagram.remote, out.bytes_of(datagram));
  }
  flush();
}

void TcpRelay::flush() {
  if (!fd_ || !machine_.is_connected()) return;
  while (!machine_.queued().empty()) {
    const ByteView bytes = machine_.queued();
    const ssize_t sent =
        real().send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return close();
    if (sent < 0) break;
    machine_.consumed(static_cast<std::size_t>(sent));
  }
  const bool waits = !machine_.queued().empty();
  if (waits == waits_to_write_) return;
  waits_to_write_ = waits;
  loop_.change(watch_, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void TcpRelay::on_ready(std::uint32_t events) {
  if (!machine_.is_connected()) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    if (!finish_connecting()) return close();
  }
  std::array<std::uint8_t, 16384> piece;
  for (;;) {
    const ssize_t got = real().recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    const bool makes_sense =
        got > 0 && machine_.on_bytes(ByteView(piece.data(), static_cast<std::size_t>(got)),
                                     [this](const Endpoint& from, MutableBytes datagram) {
                                       on_datagram_({kAnySocket, from}, datagram);
                                     });
    if (makes_sense) continue;
    log(LogArea::Host, LogLevel::Info, "TCP relay {}: {}", machine_.relay().text(),
        got > 0    ? "its stream makes no sense"
        : got == 0 ? "closed"
                   : std::strerror(errno));
    close();
    break;
  }
  on_batch_();
  flush();
}

}  // namespace ztshim::host
