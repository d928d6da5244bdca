#include "service/sockets/datagram_protocol.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/datagram.h"
#include "service/stack/icmp.h"
#include "service/stack/udp.h"

namespace ztshim::sockets {
namespace {

class UdpProtocol final : public DatagramProtocol {
 public:
  explicit UdpProtocol(stack::Udp& udp) : udp_(udp) {}
  int number() const override { return IPPROTO_UDP; }
  std::size_t largest(bool is_v6) const override { return is_v6 ? kMaxDatagram6 : kMaxDatagram4; }
  std::size_t header_size() const override { return 8; }
  bool has_ports() const override { return true; }
  Result<std::uint16_t> enter(stack::DatagramReceiver& receiver,
                              const stack::Claim& claim) override {
    return udp_.ports().enter(receiver, claim);
  }
  void change(stack::DatagramReceiver& receiver, const stack::Claim& claim) override {
    udp_.ports().change(receiver, claim);
  }
  void leave(stack::DatagramReceiver& receiver, std::uint16_t port) override {
    udp_.ports().leave(receiver, port);
  }
  std::errc send(std::uint16_t from_port, const Endpoint& to, const stack::PacketWay& way,
                 ByteView payload) override {
    return udp_.send(from_port, to, way, payload);
  }

 private:
  stack::Udp& udp_;
};

// Echo requests and their answers, for which Linux asks for no privilege: the identifier is the
// socket's port, and the checksum is made here.
class PingProtocol final : public DatagramProtocol {
 public:
  PingProtocol(stack::Icmp& icmp, bool is_v6) : icmp_(icmp), is_v6_(is_v6) {}
  int number() const override { return is_v6_ ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP}; }
  std::size_t largest(bool is_v6) const override { return 0xffff - (is_v6 ? 40 : 20); }
  std::size_t header_size() const override { return 0; }
  bool has_ports() const override { return false; }
  Result<std::uint16_t> enter(stack::DatagramReceiver& receiver,
                              const stack::Claim& claim) override {
    return icmp_.identifiers().enter(receiver, narrowed(claim));
  }
  void change(stack::DatagramReceiver& receiver, const stack::Claim& claim) override {
    icmp_.identifiers().change(receiver, narrowed(claim));
  }
  void leave(stack::DatagramReceiver& receiver, std::uint16_t port) override {
    icmp_.identifiers().leave(receiver, port);
  }
  std::errc send(std::uint16_t from_port, const Endpoint& to, const stack::PacketWay& way,
                 ByteView payload) override {
    const std::uint8_t request = is_v6_ ? kEchoRequest6 : kEchoRequest;
    if (payload.size() < stack::Icmp::kHeader || payload[0] != request || payload[1] != 0 ||
        to.ip.is_v6() != is_v6_) {
      return std::errc::invalid_argument;
    }
    Bytes message = to_bytes(payload);
    message[4] = static_cast<std::uint8_t>(from_port >> 8);
    message[5] = static_cast<std::uint8_t>(from_port);
    return icmp_.send(to.ip, way, message, stack::Icmp::Checksum::Make);
  }

 private:
  static constexpr std::uint8_t kEchoRequest = 8, kEchoRequest6 = 128;
  stack::Claim narrowed(stack::Claim claim) const {
    claim.takes_v4 = !is_v6_;
    claim.takes_v6 = is_v6_;
    return claim;
  }

  stack::Icmp& icmp_;
  const bool is_v6_;
};

// Everything that ICMP brings, and whatever the application makes of it.
class RawIcmpProtocol final : public DatagramProtocol {
 public:
  RawIcmpProtocol(stack::Icmp& icmp, bool is_v6) : icmp_(icmp), is_v6_(is_v6) {}
  int number() const override { return is_v6_ ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP}; }
  std::size_t largest(bool is_v6) const override { return 0xffff - (is_v6 ? 40 : 20); }
  std::size_t header_size() const override { return 0; }
  bool has_ports() const override { return false; }
  // There is no port; the protocol's number stands for it, as in getsockname(2) on Linux.
  Result<std::uint16_t> enter(stack::DatagramReceiver& receiver,
                              const stack::Claim& claim) override {
    change(receiver, claim);
    return static_cast<std::uint16_t>(number());
  }
  void change(stack::DatagramReceiver& receiver, const stack::Claim& claim) override {
    icmp_.enter_raw(receiver, claim);
  }
  void leave(stack::DatagramReceiver& receiver, std::uint16_t) override {
    icmp_.leave_raw(receiver);
  }
  std::errc send(std::uint16_t, const Endpoint& to, const stack::PacketWay& way,
                 ByteView payload) override {
    if (to.ip.is_v6() != is_v6_ || payload.empty()) return std::errc::invalid_argument;
    // Over IPv6 the kernel makes it, because the addresses are part of it (RFC 3542 3.1).
    const auto checksum = is_v6_ ? stack::Icmp::Checksum::Make : stack::Icmp::Checksum::Keep;
    return icmp_.send(to.ip, way, payload, checksum);
  }
  bool wants(const stack::Datagram& datagram) const override {
    std::array<std::uint8_t, 61> start{};
    datagram.payload.copy_to(start);
    if (is_v6_) return (filter6_[start[0] / 32] >> (start[0] % 32) & 1) == 0;
    const std::uint8_t type = start[(start[0] & 0x0fU) * 4];
    return type >= 32 || (filter_ >> type & 1) == 0;
  }
  std::optional<Result<std::optional<Bytes>>> get_option(int level, int name,
                                                         std::size_t size) const override {
    const ByteView filter = filter_bytes();
    if (!is_filter(level, name)) return std::nullopt;
    return Result<std::optional<Bytes>>(to_bytes(filter.first(std::min(size, filter.size()))));
  }
  std::optional<Result<void>> set_option(int level, int name, ByteView value) override {
    if (is_v6_ && level == IPPROTO_IPV6 && name == IPV6_CHECKSUM) {
      // The checksum of ICMPv6 is where it is.
      int offset = 0;
      if (value.size() < sizeof offset) return Result<void>(failure(std::errc::invalid_argument));
      std::memcpy(&offset, value.data(), sizeof offset);
      if (offset != 2) return Result<void>(failure(std::errc::invalid_argument));
      return Result<void>{};
    }
    if (!is_filter(level, name)) return std::nullopt;
    const MutableBytes to(is_v6_ ? reinterpret_cast<std::uint8_t*>(filter6_.data())
                                 : reinterpret_cast<std::uint8_t*>(&filter_),
                          filter_bytes().size());
    std::copy_n(value.begin(), std::min(value.size(), to.size()), to.begin());
    return Result<void>{};
  }

 private:
  static constexpr int kRawLevel = 255, kFilter = 1;  // SOL_RAW, ICMP_FILTER and ICMP6_FILTER
  bool is_filter(int level, int name) const {
    return level == (is_v6_ ? int{IPPROTO_ICMPV6} : kRawLevel) && name == kFilter;
  }
  ByteView filter_bytes() const {
    return is_v6_ ? ByteView(reinterpret_cast<const std::uint8_t*>(filter6_.data()), 32)
                  : ByteView(reinterpret_cast<const std::uint8_t*>(&filter_), 4);
  }

  stack::Icmp& icmp_;
  const bool is_v6_;
  std::uint32_t filter_ = 0;                // a bit that is set keeps a type out
  std::array<std::uint32_t, 8> filter6_{};  // likewise
};

}  // namespace

std::unique_ptr<DatagramProtocol> DatagramProtocol::of(const SocketKind& kind,
                                                       stack::Stack& stack) {
  if (kind.type == SOCK_DGRAM && (kind.protocol == 0 || kind.protocol == IPPROTO_UDP))
    return std::make_unique<UdpProtocol>(stack.udp());
  const bool is_v6 = kind.domain == AF_INET6;
  if (kind.protocol != (is_v6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP})) return nullptr;
  if (kind.type == SOCK_DGRAM) return std::make_unique<PingProtocol>(stack.icmp(), is_v6);
  if (kind.type == SOCK_RAW) return std::make_unique<RawIcmpProtocol>(stack.icmp(), is_v6);
  return nullptr;
}

}  // namespace ztshim::sockets
