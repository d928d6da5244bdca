#include "common/datagram.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/real.h"

namespace ztshim {
namespace {

// Host byte order throughout: both sides are on one machine.
class Cursor {
 public:
  explicit Cursor(std::uint8_t* at) : at_(at) {}
  template <typename T>
  void put(const T& value) {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void put(const Endpoint& endpoint) {
    const ByteView ip = endpoint.ip.bytes();
    put(static_cast<std::uint8_t>(ip.size()));
    put(std::uint8_t{0});
    put(endpoint.port);
    std::copy(ip.begin(), ip.end(), at_);
    at_ += 16;
    put(endpoint.scope);
  }

 private:
  std::uint8_t* at_;
};

class ConstCursor {
 public:
  explicit ConstCursor(const std::uint8_t* at) : at_(at) {}
  template <typename T>
  T get() {
    T value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  Endpoint get_endpoint() {
    Endpoint endpoint;
    const auto size = get<std::uint8_t>();
    get<std::uint8_t>();
    endpoint.port = get<std::uint16_t>();
    if (size == 4) endpoint.ip = IpAddress::v4(ByteView(at_, 4));
    if (size == 16) endpoint.ip = IpAddress::v6(ByteView(at_, 16));
    at_ += 16;
    endpoint.scope = get<std::uint32_t>();
    return endpoint;
  }

 private:
  const std::uint8_t* at_;
};

bool get_flag(int fd, int name) noexcept {
  const int saved = errno;
  int on = 0;
  socklen_t size = sizeof on;
  const bool is_on = real().getsockopt(fd, SOL_SOCKET, name, &on, &size) == 0 && on != 0;
  errno = saved;
  return is_on;
}

}  // namespace

void DatagramHeader::write(std::span<std::uint8_t, kSize> to) const {
  std::fill(to.begin(), to.end(), std::uint8_t{0});
  Cursor out(to.data());
  out.put(socket.service);
  out.put(socket.socket);
  out.put(kind);
  out.put(std::uint8_t{0});
  out.put(wanted);
  out.put(domain);
  out.put(remote);
  out.put(local);
  out.put(interface_index);
  out.put(hop_limit);
  out.put(traffic_class);
  out.put(received_ns);
  out.put(static_cast<std::int32_t>(error));
}

std::optional<DatagramHeader> DatagramHeader::read(ByteView message, const SocketName& socket) {
  if (message.size() < kSize || !begins_with_mark(message, socket)) return std::nullopt;
  ConstCursor in(message.data() + kMarkSize);
  DatagramHeader header;
  header.socket = socket;
  header.kind =
      in.get<std::uint8_t>() == static_cast<std::uint8_t>(Kind::Error) ? Kind::Error : Kind::Data;
  in.get<std::uint8_t>();
  header.wanted = in.get<std::uint16_t>();
  header.domain = in.get<std::int32_t>();
  header.remote = in.get_endpoint();
  header.local = in.get_endpoint();
  header.interface_index = in.get<std::uint32_t>();
  header.hop_limit = in.get<std::int16_t>();
  header.traffic_class = in.get<std::int16_t>();
  header.received_ns = in.get<std::int64_t>();
  header.error = static_cast<std::errc>(in.get<std::int32_t>());
  return header;
}

bool DatagramHeader::begins_with_mark(ByteView bytes, const SocketName& socket) {
  if (bytes.size() < kMarkSize) return false;
  return std::memcmp(bytes.data(), &socket.service, 8) == 0 &&
         std::memcmp(bytes.data() + 8, &socket.socket, 8) == 0;
}

void DatagramError::write(std::span<std::uint8_t, kSize> to) const {
  std::fill(to.begin(), to.end(), std::uint8_t{0});
  Cursor out(to.data());
  out.put(domain);
  out.put(static_cast<std::int32_t>(error));
  out.put(origin);
  out.put(type);
  out.put(code);
  out.put(std::uint8_t{0});
  out.put(info);
  out.put(offender);
  out.put(destination);
}

std::optional<DatagramError> DatagramError::read(ByteView from) {
  if (from.size() < kSize) return std::nullopt;
  ConstCursor in(from.data());
  DatagramError told;
  told.domain = in.get<std::int32_t>();
  told.error = static_cast<std::errc>(in.get<std::int32_t>());
  told.origin = in.get<std::uint8_t>();
  told.type = in.get<std::uint8_t>();
  told.code = in.get<std::uint8_t>();
  in.get<std::uint8_t>();
  told.info = in.get<std::uint32_t>();
  told.offender = in.get_endpoint();
  told.destination = in.get_endpoint();
  return told;
}

bool is_datagram_pair(int fd) noexcept {
  const int saved = errno;
  int type = 0;
  socklen_t size = sizeof type;
  const bool known = real().getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
  errno = saved;
  return known && type == SOCK_SEQPACKET;
}

bool mark_connected(int fd, bool is_connected) noexcept {
  const int saved = errno;
  const int on = is_connected ? 1 : 0;
  const bool done = real().setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0;
  errno = saved;
  return done;
}

bool is_marked_connected(int fd) noexcept { return get_flag(fd, SO_BROADCAST); }

}  // namespace ztshim
