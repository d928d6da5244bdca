#include "service/sockets/datagram_options.h"

#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "common/datagram.h"

// Newer than the C library's headers, or only in the kernel's.
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace ztshim::sockets {
namespace {

// SO_TIMESTAMP and SO_TIMESTAMPNS of programs with 64-bit time on 32-bit machines; the kernel
// knows both numbers everywhere.
constexpr int kTimestampNew = 63, kTimestampNsNew = 64;
constexpr int kNoChecksum6Tx = 101, kNoChecksum6Rx = 102;  // UDP_NO_CHECK6_TX, _RX

template <typename T>
Bytes bytes_of(const T& value, std::size_t size) {
  const auto* const from = reinterpret_cast<const std::uint8_t*>(&value);
  return Bytes(from, from + std::min(size, sizeof value));
}

}  // namespace

struct DatagramOptionTable {
  using Values = DatagramOptions::Values;
  struct Number {
    int level, name;
    int Values::*value;
    int lowest, highest;
    bool is_switch;
  };
  static constexpr int kAny = std::numeric_limits<int>::max();
  static constexpr int kLeast = std::numeric_limits<int>::min();
  static constexpr Number kNumbers[] = {
      {SOL_SOCKET, SO_TIMESTAMP, &Values::timestamp, kLeast, kAny, true},
      {SOL_SOCKET, kTimestampNew, &Values::timestamp, kLeast, kAny, true},
      {SOL_SOCKET, SO_TIMESTAMPNS, &Values::timestamp_ns, kLeast, kAny, true},
      {SOL_SOCKET, kTimestampNsNew, &Values::timestamp_ns, kLeast, kAny, true},
      {SOL_SOCKET, SO_NO_CHECK, &Values::no_checksum, kLeast, kAny, true},
      {IPPROTO_IP, IP_PKTINFO, &Values::packet_info, kLeast, kAny, true},
      {IPPROTO_IP, IP_RECVTTL, &Values::receive_ttl, kLeast, kAny, true},
      {IPPROTO_IP, IP_RECVTOS, &Values::receive_tos, kLeast, kAny, true},
      {IPPROTO_IP, IP_RECVERR, &Values::receive_errors, kLeast, kAny, true},
      {IPPROTO_IP, IP_RECVORIGDSTADDR, &Values::original_destination, kLeast, kAny, true},
      {IPPROTO_IP, IP_MULTICAST_TTL, &Values::multicast_ttl, -1, 255, false},
      {IPPROTO_IP, IP_MULTICAST_LOOP, &Values::multicast_loop, kLeast, kAny, true},
      {IPPROTO_IP, IP_MULTICAST_ALL, &Values::multicast_all, 0, 1, false},
      {IPPROTO_IPV6, IPV6_RECVPKTINFO, &Values::packet_info6, kLeast, kAny, true},
      {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &Values::receive_hop_limit, kLeast, kAny, true},
      {IPPROTO_IPV6, IPV6_RECVTCLASS, &Values::receive_traffic_class, kLeast, kAny, true},
      {IPPROTO_IPV6, IPV6_RECVERR, &Values::receive_errors6, kLeast, kAny, true},
      {IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, &Values::original_destination6, kLeast, kAny, true},
      {IPPROTO_IPV6, IPV6_DONTFRAG, &Values::dont_fragment6, kLeast, kAny, true},
      {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &Values::multicast_hops, -1, 255, false},
      {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &Values::multicast_loop6, 0, 1, false},
      {IPPROTO_IPV6, IPV6_MULTICAST_ALL, &Values::multicast_all6, 0, 1, false},
      {IPPROTO_UDP, kNoChecksum6Tx, &Values::no_checksum_tx6, kLeast, kAny, true},
      {IPPROTO_UDP, kNoChecksum6Rx, &Values::no_checksum_rx6, kLeast, kAny, true},
  };
  static const Number* find(int level, int name) {
    const auto* const found =
        std::find_if(std::begin(kNumbers), std::end(kNumbers),
                     [&](const Number& row) { return row.level == level && row.name == name; });
    return found == std::end(kNumbers) ? nullptr : found;
  }
};

std::uint16_t DatagramOptions::wanted() const {
  using H = DatagramHeader;
  const Values& v = values_;
  int bits = 0;
  if (v.packet_info != 0) bits |= H::kWantsPacketInfo4;
  if (v.packet_info6 != 0) bits |= H::kWantsPacketInfo6;
  if (v.receive_ttl != 0) bits |= H::kWantsTtl;
  if (v.receive_hop_limit != 0) bits |= H::kWantsHopLimit;
  if (v.receive_tos != 0) bits |= H::kWantsTos;
  if (v.receive_traffic_class != 0) bits |= H::kWantsTrafficClass;
  // The finer one wins, as in the kernel.
  if (v.timestamp_ns != 0) {
    bits |= H::kWantsTimestampNs;
  } else if (v.timestamp != 0) {
    bits |= H::kWantsTimestamp;
  }
  if (v.original_destination != 0 || v.original_destination6 != 0)
    bits |= H::kWantsOriginalDestination;
  return static_cast<std::uint16_t>(bits);
}

std::optional<Result<std::optional<Bytes>>> DatagramOptions::get(int level, int name,
                                                                 std::size_t size,
                                                                 const Facts& facts) const {
  using Got = Result<std::optional<Bytes>>;
  const bool is_v6 = level == IPPROTO_IPV6;
  if (level == IPPROTO_TCP || (is_v6 && facts.domain == AF_INET))
    return Got(failure(std::errc::no_protocol_option));
  if (const auto* const row = DatagramOptionTable::find(level, name))
    return Got(bytes_of(values_.*row->value, size));
  if ((level == IPPROTO_IP && name == IP_MTU) || (is_v6 && name == IPV6_MTU)) {
    if (facts.path_mtu == 0) return Got(failure(std::errc::not_connected));
    return Got(bytes_of(static_cast<int>(facts.path_mtu), size));
  }
  if (level == IPPROTO_IP && name == IP_MULTICAST_IF) {
    const std::uint32_t address = source4_.is_v4() ? htonl(source4_.v4_number()) : 0;
    return Got(bytes_of(address, size));
  }
  if (is_v6 && name == IPV6_MULTICAST_IF) return Got(bytes_of(interface6_, size));
  if (level == IPPROTO_UDP) return Got(failure(std::errc::no_protocol_option));
  return std::nullopt;
}

std::optional<Result<void>> DatagramOptions::set(int level, int name, ByteView value,
                                                 const Facts& facts, const stack::Stack& stack) {
  using Done = Result<void>;
  const bool is_v6 = level == IPPROTO_IPV6;
  if (level == IPPROTO_TCP || (is_v6 && facts.domain == AF_INET))
    return Done(failure(std::errc::no_protocol_option));
  if (level == IPPROTO_IP && name == IP_MULTICAST_IF) return set_interface4(value, stack);
  if (is_v6 && name == IPV6_MULTICAST_IF) return set_interface6(value);
  if (is_v6 && name == IPV6_PKTINFO) return set_packet_info6(value);
  const auto* const row = DatagramOptionTable::find(level, name);
  if (row == nullptr) {
    if (level == IPPROTO_UDP) return Done(failure(std::errc::no_protocol_option));
    return std::nullopt;
  }
  int number = 0;
  if (value.size() >= sizeof number) {
    std::memcpy(&number, value.data(), sizeof number);
  } else if (level == IPPROTO_IP && !value.empty()) {
    number = value[0];
  } else {
    return Done(failure(std::errc::invalid_argument));
  }
  if (number < row->lowest || number > row->highest)
    return Done(failure(std::errc::invalid_argument));
  if (number == -1 && row->lowest == -1) number = 1;  // the default
  values_.*row->value = row->is_switch ? (number != 0 ? 1 : 0) : number;
  if (level == SOL_SOCKET && number != 0) {  // one kind of time stamp at a time
    if (row->value == &Values::timestamp) values_.timestamp_ns = 0;
    if (row->value == &Values::timestamp_ns) values_.timestamp = 0;
  }
  return Done{};
}

// By an address of ours, or by number; the host's interfaces are known by number alone.
Result<void> DatagramOptions::set_interface4(ByteView value, const stack::Stack& stack) {
  IpAddress address;
  std::uint32_t index = 0;
  if (value.size() >= sizeof(ip_mreqn)) {
    ip_mreqn request{};
    std::memcpy(&request, value.data(), sizeof request);
    address = IpAddress::v4(ntohl(request.imr_address.s_addr));
    index = static_cast<std::uint32_t>(request.imr_ifindex);
  } else if (value.size() >= sizeof(ip_mreq)) {
    address = IpAddress::v4(value.subspan(4, 4));
  } else if (value.size() >= sizeof(in_addr)) {
    address = IpAddress::v4(value.first(4));
  } else {
    return failure(std::errc::invalid_argument);
  }
  if (index == 0 && !address.is_unspecified()) {
    const auto owner = stack.owner_of(address);
    if (!owner) return failure(std::errc::address_not_available);
    index = stack.index_of(*owner);
  }
  interface4_ = index;
  source4_ = address.is_unspecified() ? IpAddress{} : address;
  return {};
}

Result<void> DatagramOptions::set_interface6(ByteView value) {
  int index = 0;
  if (value.size() < sizeof index) return failure(std::errc::invalid_argument);
  std::memcpy(&index, value.data(), sizeof index);
  if (index < 0) return failure(std::errc::no_such_device);
  interface6_ = static_cast<std::uint32_t>(index);
  return {};
}

Result<void> DatagramOptions::set_packet_info6(ByteView value) {
  in6_pktinfo info{};
  if (value.size() != 0 && value.size() < sizeof info) return failure(std::errc::invalid_argument);
  if (!value.empty()) std::memcpy(&info, value.data(), sizeof info);
  const IpAddress address = IpAddress::v6(ByteView(info.ipi6_addr.s6_addr, 16));
  sticky_source_ = address.is_unspecified() ? IpAddress{} : address;
  sticky_interface_ = info.ipi6_ifindex;
  return {};
}

}  // namespace ztshim::sockets
