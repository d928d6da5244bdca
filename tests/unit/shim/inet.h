// The application's side in the tests of the hooks: what a program writes with plain socket calls.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "common/unique_fd.h"
#include "tests/unit/shim/local_service.h"

namespace ztshim::test {

inline sockaddr_in address_of(const std::string& ip, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  EXPECT_EQ(inet_pton(AF_INET, ip.c_str(), &address.sin_addr), 1);
  return address;
}

inline UniqueFd stream_socket(int flags = 0) {
  return UniqueFd(socket(AF_INET, SOCK_STREAM | flags, 0));
}

inline int bind_to(const UniqueFd& fd, const std::string& ip, int port) {
  const sockaddr_in address = address_of(ip, port);
  return bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

inline int connect_to(const UniqueFd& fd, const std::string& ip, int port) {
  const sockaddr_in address = address_of(ip, port);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

using NameCall = int (*)(int, sockaddr*, socklen_t*) noexcept;
inline std::string name_by(NameCall call, const UniqueFd& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (call(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return "errno " + std::to_string(errno);
  }
  EXPECT_EQ(size, sizeof address);
  EXPECT_EQ(address.sin_family, AF_INET);
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(address.sin_port));
}
inline int port_of(const UniqueFd& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

// A listener on a port of its own.
inline UniqueFd listener_on(const std::string& ip, int backlog = 16, int flags = 0) {
  UniqueFd fd = stream_socket(flags);
  EXPECT_EQ(bind_to(fd, ip, 0), 0) << errno;
  EXPECT_EQ(listen(fd.get(), backlog), 0) << errno;
  return fd;
}

inline UniqueFd accepted_from(const UniqueFd& listener) {
  return UniqueFd(accept(listener.get(), nullptr, nullptr));
}

inline short poll_now(const UniqueFd& fd, short events = POLLIN | POLLOUT | POLLRDHUP) {
  pollfd asked{fd.get(), events, 0};
  return poll(&asked, 1, 0) > 0 ? asked.revents : short{0};
}
// Waits for any of the events; nothing within ten seconds is a failure.
inline short wait_for(const UniqueFd& fd, short events) {
  pollfd asked{fd.get(), events, 0};
  EXPECT_EQ(poll(&asked, 1, 10'000), 1);
  return asked.revents;
}

inline int number_option(const UniqueFd& fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  if (getsockopt(fd.get(), level, name, &value, &size) != 0) return -errno;
  return value;
}

inline std::string read_all(const UniqueFd& fd, std::size_t size) {
  std::string text(size, '\0');
  const ssize_t got = recv(fd.get(), text.data(), size, MSG_WAITALL);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

}  // namespace ztshim::test
