// An AF_UNIX pair as the service makes it, and what poll and epoll say of its ends.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "common/unique_fd.h"

namespace ztshim::platform {

struct Pair {
  explicit Pair(int type = SOCK_STREAM) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    application.reset(ends[0]);
    service.reset(ends[1]);
  }
  UniqueFd application, service;
};

inline short poll_bits(const UniqueFd& fd) {
  pollfd asked{fd.get(), POLLIN | POLLOUT | POLLRDHUP, 0};
  EXPECT_GE(poll(&asked, 1, 0), 0);
  return asked.revents;
}

inline void write_bytes(const UniqueFd& fd, std::size_t size) {
  const std::vector<char> bytes(size, 'g');
  EXPECT_EQ(send(fd.get(), bytes.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL),
            static_cast<ssize_t>(size));
}

// Reads exactly this many, or reports.
inline void drain_bytes(const UniqueFd& fd, std::size_t size) {
  std::vector<char> bytes(size);
  EXPECT_EQ(recv(fd.get(), bytes.data(), size, MSG_DONTWAIT | MSG_WAITALL),
            static_cast<ssize_t>(size));
}

inline int option(const UniqueFd& fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(getsockopt(fd.get(), SOL_SOCKET, name, &value, &size), 0);
  return value;
}

// An epoll set with one descriptor.
class EpollSet {
 public:
  EpollSet() : fd_(epoll_create1(EPOLL_CLOEXEC)) {}
  void add(const UniqueFd& fd, std::uint32_t events) {
    epoll_event event{events, {.u64 = 1}};
    EXPECT_EQ(epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd.get(), &event), 0);
  }
  // The events reported now, 0 for none.
  std::uint32_t poll() const {
    epoll_event event{};
    return epoll_wait(fd_.get(), &event, 1, 0) == 1 ? event.events : 0;
  }
  int get() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace ztshim::platform
