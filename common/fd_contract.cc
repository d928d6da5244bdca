#include "common/fd_contract.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "common/real.h"

namespace ztshim {
namespace {

constexpr std::string_view kPrefix{"\0ztshim/", 8};
constexpr std::uint32_t kAcceptMagic = 0x7a746163;  // "ztac"

void put_hex(char* to, std::uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (int i = 15; i >= 0; --i, value >>= 4) to[i] = kDigits[value & 15];
}

void put_endpoint(std::uint8_t* to, const Endpoint& endpoint) {  // 24 bytes
  const ByteView ip = endpoint.ip.bytes();
  to[0] = static_cast<std::uint8_t>(ip.size());
  to[2] = static_cast<std::uint8_t>(endpoint.port >> 8);
  to[3] = static_cast<std::uint8_t>(endpoint.port);
  if (!ip.empty()) std::memcpy(to + 4, ip.data(), ip.size());
  std::memcpy(to + 20, &endpoint.scope, 4);
}

Endpoint get_endpoint(const std::uint8_t* from) {
  Endpoint endpoint;
  if (from[0] == 4) endpoint.ip = IpAddress::v4(ByteView(from + 4, 4));
  if (from[0] == 16) endpoint.ip = IpAddress::v6(ByteView(from + 4, 16));
  endpoint.port = static_cast<std::uint16_t>(from[2] << 8 | from[3]);
  std::memcpy(&endpoint.scope, from + 20, 4);
  return endpoint;
}

}  // namespace

socklen_t SocketName::to_sockaddr(sockaddr_un& address) const {
  std::memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  char* at = address.sun_path;
  std::copy(kPrefix.begin(), kPrefix.end(), at);
  put_hex(at + 8, static_cast<std::uint64_t>(service));
  at[24] = '/';
  put_hex(at + 25, static_cast<std::uint64_t>(socket));
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kSocketNameSize);
}

std::optional<SocketName> SocketName::from_sockaddr(const sockaddr_un& address, socklen_t length) {
  if (length != offsetof(sockaddr_un, sun_path) + kSocketNameSize) return std::nullopt;
  if (address.sun_family != AF_UNIX) return std::nullopt;
  const std::string_view path(address.sun_path, kSocketNameSize);
  if (path.substr(0, 8) != kPrefix || path[24] != '/') return std::nullopt;
  const auto service = hex_number(path.substr(8, 16));
  const auto socket = hex_number(path.substr(25, 16));
  if (!service || !socket) return std::nullopt;
  return SocketName{ServiceId{*service}, SocketId{*socket}};
}

std::size_t gate_size(int effective_send_buffer) {
  return static_cast<std::size_t>(std::max(effective_send_buffer, 4096)) / 4 + kSeedSize;
}

void AcceptMessage::write(std::span<std::uint8_t, kSize> to) const {
  std::fill(to.begin(), to.end(), std::uint8_t{0});
  std::memcpy(to.data(), &kAcceptMagic, 4);
  std::memcpy(to.data() + 8, &connection, 8);
  put_endpoint(to.data() + 16, peer);
  put_endpoint(to.data() + 40, local);
}

std::optional<AcceptMessage> AcceptMessage::read(ByteView from) {
  std::uint32_t magic = 0;
  if (from.size() != kSize) return std::nullopt;
  std::memcpy(&magic, from.data(), 4);
  if (magic != kAcceptMagic) return std::nullopt;
  AcceptMessage message;
  std::memcpy(&message.connection, from.data() + 8, 8);
  message.peer = get_endpoint(from.data() + 16);
  message.local = get_endpoint(from.data() + 40);
  return message;
}

bool mark_listener(int fd) noexcept {
  const int on = 1;
  return real().setsockopt(fd, SOL_SOCKET, SO_DONTROUTE, &on, sizeof on) == 0;
}

void mark_fresh(int fd, bool is_fresh) noexcept {
  const int value = is_fresh ? 1 : 0;
  real().setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &value, sizeof value);
}

bool is_fresh(int fd) noexcept {
  int on = 0;
  socklen_t size = sizeof on;
  return real().getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, &size) == 0 && on != 0;
}

bool is_listener(int fd) noexcept {
  int on = 0;
  socklen_t size = sizeof on;
  return real().getsockopt(fd, SOL_SOCKET, SO_DONTROUTE, &on, &size) == 0 && on != 0;
}

}  // namespace ztshim
