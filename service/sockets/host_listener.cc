#include "service/sockets/host_listener.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "common/internal_fds.h"
#include "common/real.h"

namespace ztshim::sockets {
namespace {

Endpoint name_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (ask(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  const auto endpoint =
      Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), length);
  return endpoint ? *endpoint : Endpoint{};
}

bool set(int fd, int level, int name, int value) {
  return real().setsockopt(fd, level, name, &value, sizeof value) == 0;
}

}  // namespace

Result<std::unique_ptr<HostListener>> HostListener::open(Poller& poller, const Endpoint& local,
                                                         int domain, bool v6_only, bool reuse_port,
                                                         int backlog, std::function<void()> ready) {
  UniqueFd fd(keep_internal_fd(
      real().socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)));
  if (!fd) return failure(static_cast<std::errc>(errno));
  // The service restarts where a server would: leftovers of old connections must not keep the port.
  set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (reuse_port) set(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (domain == AF_INET6) set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, v6_only ? 1 : 0);
  sockaddr_storage address;
  const socklen_t length = Endpoint{IpAddress{}, local.port}.to_sockaddr(address, domain);
  if (real().bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      real().listen(fd.get(), backlog) != 0) {
    return failure(static_cast<std::errc>(errno));
  }
  return std::unique_ptr<HostListener>(new HostListener(poller, std::move(fd), std::move(ready)));
}

HostListener::HostListener(Poller& poller, UniqueFd fd, std::function<void()> ready)
    : poller_(poller),
      fd_(std::move(fd)),
      ready_(std::move(ready)),
      watch_(poller.watch(fd_.get(), EPOLLIN | EPOLLET, *this)) {}

HostListener::~HostListener() { poller_.unwatch(watch_); }

void HostListener::on_ready(std::uint32_t) { ready_(); }

std::optional<HostListener::Accepted> HostListener::accept() {
  for (;;) {
    UniqueFd fd(keep_internal_fd(real().accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    if (fd) {
      Accepted accepted;
      accepted.peer = name_of(fd.get(), real().getpeername);
      accepted.local = name_of(fd.get(), real().getsockname);
      accepted.fd = std::move(fd);
      return accepted;
    }
    if (errno != EINTR && errno != ECONNABORTED) return std::nullopt;
  }
}

void HostListener::set_backlog(int backlog) { real().listen(fd_.get(), backlog); }

}  // namespace ztshim::sockets
