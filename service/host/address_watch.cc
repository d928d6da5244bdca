#include "service/host/address_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"

namespace ztshim::host {

std::unique_ptr<AddressWatch> AddressWatch::open(EventLoop& loop, std::function<void()> on_change) {
  constexpr int kKind = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  UniqueFd fd(keep_internal_fd(real().socket(AF_NETLINK, kKind, NETLINK_ROUTE)));
  if (!fd) return nullptr;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (real().bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    log(LogArea::Host, LogLevel::Debug, "changes of addresses cannot be watched");
    return nullptr;
  }
  std::unique_ptr<AddressWatch> made(new AddressWatch(loop, std::move(fd), std::move(on_change)));
  made->watch_ = loop.watch(made->fd_.get(), EPOLLIN, *made);
  return made->watch_ == 0 ? nullptr : std::move(made);
}

AddressWatch::AddressWatch(EventLoop& loop, UniqueFd fd, std::function<void()> on_change)
    : loop_(loop), fd_(std::move(fd)), on_change_(std::move(on_change)) {}

AddressWatch::~AddressWatch() { loop_.unwatch(watch_); }

void AddressWatch::on_ready(std::uint32_t) {
  std::array<char, 8192> piece;
  bool any = false;
  for (;;) {
    const ssize_t got = real().recv(fd_.get(), piece.data(), piece.size(), 0);
    // Too many to keep up with (ENOBUFS) means changes all the same.
    if (got < 0 && errno != ENOBUFS && errno != EINTR) break;
    if (got == 0) break;
    any = true;
  }
  if (any) on_change_();
}

}  // namespace ztshim::host
