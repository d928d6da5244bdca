// A datagram socket as the service would make it, with the test as the service's end.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

#include "common/datagram.h"
#include "common/real.h"
#include "common/unique_fd.h"
#include "shim/hint.h"

namespace ztshim::test {

class DatagramPair {
 public:
  explicit DatagramPair(int flags = 0) {
    static std::uint64_t last_id = 0;
    name_ = {ServiceId{0x5e59}, SocketId{++last_id}};
    int ends[2];
    EXPECT_EQ(real().socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, ends), 0);
    app_ = UniqueFd(ends[0]);
    service_ = UniqueFd(ends[1]);
    sockaddr_un address{};
    const socklen_t length = name_.to_sockaddr(address);
    EXPECT_EQ(real().bind(ends[0], reinterpret_cast<const sockaddr*>(&address), length), 0);
    hint::note(ends[0]);
  }
  int fd() const { return app_.get(); }
  UniqueFd& app() { return app_; }
  UniqueFd& service() { return service_; }
  const SocketName& name() const { return name_; }

  DatagramHeader header() const {
    DatagramHeader header;
    header.socket = name_;
    header.domain = AF_INET;
    header.remote = *Endpoint::parse("10.9.9.2:4711");
    header.local = *Endpoint::parse("10.9.9.1:53");
    header.interface_index = 7;
    header.hop_limit = 63;
    header.traffic_class = 0x10;
    header.received_ns = 1'234'567'890'123'456'789;
    return header;
  }
  void deliver(const DatagramHeader& header, const std::string& text) {
    std::string message(DatagramHeader::kSize, '\0');
    header.write(std::span<std::uint8_t, DatagramHeader::kSize>(
        reinterpret_cast<std::uint8_t*>(message.data()), DatagramHeader::kSize));
    deliver_bare(message + text);
  }
  void deliver(const std::string& text) { deliver(header(), text); }
  void deliver_bare(const std::string& text) {
    EXPECT_EQ(real().send(service_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  void deliver_error(std::errc error) {
    DatagramHeader told = header();
    told.kind = DatagramHeader::Kind::Error;
    told.error = error;
    deliver(told, "");
  }
  // What the application sent; nothing is an empty optional.
  std::optional<std::string> sent() {
    std::string text(70'000, '\0');
    const ssize_t size = real().recv(service_.get(), text.data(), text.size(), MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(size));
    return text;
  }
  std::optional<DatagramHeader> header_of(const std::string& message) const {
    return DatagramHeader::read(as_bytes(message), name_);
  }

 private:
  SocketName name_;
  UniqueFd app_, service_;
};

inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

inline sockaddr_in address_of(const char* text) {
  sockaddr_storage storage{};
  Endpoint::parse(text)->to_sockaddr(storage, AF_INET);
  sockaddr_in in{};
  std::memcpy(&in, &storage, sizeof in);
  return in;
}

}  // namespace ztshim::test
