#include "service/api/connection.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/endpoint.h"
#include "common/real.h"

namespace ztshim::api {
namespace {

// What is read and thrown away after an answer that came before the whole body, and for how long.
constexpr std::size_t kMaxLeftover = std::size_t{8} << 20;
constexpr int kLeftoverPatienceMs = 200;

void put(const sockaddr_storage& from, socklen_t size, std::string& ip, int& port) {
  const auto endpoint = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&from), size);
  if (!endpoint) return;
  ip = endpoint->ip.text();
  port = endpoint->port;
}

}  // namespace

bool Connection::wait_for(short events) const {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd asked{fd_, events, 0};
    const int ready = real().poll(&asked, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool Connection::is_readable() const {
  return allowance_ > 0 && (unread() > 0 || wait_for(POLLIN));
}

bool Connection::is_writable() const { return wait_for(POLLOUT); }

ssize_t Connection::read(char* to, size_t size) {
  size = std::min(size, allowance_);
  if (size == 0) return 0;
  if (unread() == 0) {
    if (!wait_for(POLLIN)) return -1;
    const ssize_t got = real().recv(fd_, buffer_.data(), buffer_.size(), 0);
    if (got <= 0) return got;
    used_ = 0;
    filled_ = static_cast<std::size_t>(got);
  }
  const std::size_t count = std::min(size, unread());
  std::memcpy(to, buffer_.data() + used_, count);
  used_ += count;
  allowance_ -= count;
  return static_cast<ssize_t>(count);
}

ssize_t Connection::write(const char* from, size_t size) {
  if (!wait_for(POLLOUT)) return -1;
  return real().send(fd_, from, size, MSG_NOSIGNAL);
}

void Connection::finish() {
  real().shutdown(fd_, SHUT_WR);
  std::size_t taken = 0;
  for (;;) {
    pollfd asked{fd_, POLLIN, 0};
    if (taken >= kMaxLeftover || real().poll(&asked, 1, kLeftoverPatienceMs) <= 0) return;
    const ssize_t got = real().recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got <= 0) return;
    taken += static_cast<std::size_t>(got);
  }
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (real().getpeername(fd_, reinterpret_cast<sockaddr*>(&name), &size) == 0)
    put(name, size, ip, port);
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (real().getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size) == 0)
    put(name, size, ip, port);
}

}  // namespace ztshim::api
