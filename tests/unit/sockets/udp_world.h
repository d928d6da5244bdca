// An application with UDP sockets, which speaks as the shim does: CheckSend, then messages with a
// header or without.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "common/datagram.h"
#include "tests/unit/sockets/world.h"

namespace ztshim::sockets {

// What a receiving call brings.
struct Received {
  std::optional<DatagramHeader> header;
  std::string bytes;
};

class UdpWorld : public World {
 public:
  static Endpoint six(std::uint16_t port) { return {*IpAddress::parse("fd00:9:8::7"), port}; }
  static Endpoint any(std::uint16_t port, int domain = AF_INET) {
    return {domain == AF_INET ? IpAddress::v4(0) : IpAddress::v6(Bytes(16)), port};
  }

  App udp(int domain = AF_INET) { return create(domain, 1, SOCK_DGRAM); }
  App bound(const Endpoint& local, int domain = AF_INET) {
    App app = udp(domain);
    EXPECT_EQ(bind(app, local), std::errc{});
    return app;
  }
  std::errc bind(const App& app, const Endpoint& local) {
    const Outcome outcome = sockets->bind(app.id, local, policy);
    EXPECT_NE(outcome.kind, Outcome::Kind::Host);
    return outcome.error;
  }
  std::errc connect(const App& app, const Endpoint& peer) {
    const Outcome outcome = sockets->connect(app.id, peer, 0, policy);
    EXPECT_NE(outcome.kind, Outcome::Kind::Host);
    return outcome.error;
  }
  std::errc check(const App& app, const Endpoint& to, std::size_t size = 1) {
    return sockets->check_send(app.id, to, size, 0, policy).error;
  }
  SocketName name(const App& app) const { return {service, app.id}; }
  DatagramHeader header(const App& app, const Endpoint& to) const {
    DatagramHeader header;
    header.socket = name(app);
    header.remote = to;
    return header;
  }
  // sendto(2).
  std::errc send(const App& app, const Endpoint& to, std::string_view bytes) {
    if (const std::errc error = check(app, to, bytes.size()); error != std::errc{}) return error;
    return post(app, header(app, to), bytes);
  }
  std::errc post(const App& app, const DatagramHeader& header, std::string_view bytes) {
    std::string message(DatagramHeader::kSize, '\0');
    header.write(std::span<std::uint8_t, DatagramHeader::kSize>(
        reinterpret_cast<std::uint8_t*>(message.data()), DatagramHeader::kSize));
    message += bytes;
    return app.write(message) == static_cast<ssize_t>(message.size())
               ? std::errc{}
               : static_cast<std::errc>(errno);
  }
  std::optional<Received> receive(const App& app) const {
    std::string message(70'000, '\0');
    const ssize_t size = ::recv(app.fd.get(), message.data(), message.size(), MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    message.resize(static_cast<std::size_t>(size));
    Received received;
    received.header = DatagramHeader::read(as_bytes(message), name(app));
    received.bytes = received.header ? message.substr(DatagramHeader::kSize) : message;
    return received;
  }
  // Its bytes; "-" when there is none.
  std::string text(const App& app) const {
    const auto received = receive(app);
    return received ? received->bytes : "-";
  }
};

}  // namespace ztshim::sockets
