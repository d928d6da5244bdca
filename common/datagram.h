// What travels on the pair of a datagram socket (UDP, ICMP): one SOCK_SEQPACKET message per
// datagram, in both directions. docs/fd-contract.md, "Datagrams", tells the whole story.
//
// A message is a header and the datagram's bytes, or the bytes alone. Bare bytes mean "from or to
// the connected peer, nothing special about it", so that readers and writers that pass no hook
// (stdio, splice, io_uring) work on connected sockets. A header is recognised by the socket's own
// name in its first sixteen bytes, which nobody outside this machine knows; whoever sends bare
// bytes that happen to begin with it puts a header in front, and whoever sends no bytes at all
// does, too (an empty message would look like the end of the pair).
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/fd_contract.h"

namespace ztshim {

struct DatagramHeader {
  static constexpr std::size_t kSize = 96;
  static constexpr std::size_t kMarkSize = 16;

  enum class Kind : std::uint8_t {
    Data,
    Error,  // to the application: an ICMP error has come, `error`; no bytes follow
  };
  // What the application asked to be told with each datagram (IP_PKTINFO and the like); filled in
  // by the service, so that whoever reads needs to know nothing about the socket.
  enum Wanted : std::uint16_t {
    kWantsPacketInfo4 = 1 << 0,          // IP_PKTINFO
    kWantsPacketInfo6 = 1 << 1,          // IPV6_RECVPKTINFO
    kWantsTtl = 1 << 2,                  // IP_RECVTTL
    kWantsHopLimit = 1 << 3,             // IPV6_RECVHOPLIMIT
    kWantsTos = 1 << 4,                  // IP_RECVTOS
    kWantsTrafficClass = 1 << 5,         // IPV6_RECVTCLASS
    kWantsTimestamp = 1 << 6,            // SO_TIMESTAMP
    kWantsTimestampNs = 1 << 7,          // SO_TIMESTAMPNS
    kWantsOriginalDestination = 1 << 8,  // IP_RECVORIGDSTADDR, IPV6_RECVORIGDSTADDR
  };

  SocketName socket;  // the mark
  Kind kind = Kind::Data;
  std::uint16_t wanted = 0;
  std::int32_t domain = 0;  // AF_INET, AF_INET6: the socket's; addresses below are in that family
  // To the application: whom it is from. To the service: where it goes; empty: the connected peer.
  Endpoint remote;
  // To the application: the address it was sent to. To the service: the source to use (IP_PKTINFO's
  // ipi_spec_dst); empty: the socket's own.
  Endpoint local;
  std::uint32_t interface_index = 0;  // where it came in; where it must go out (0: any)
  // To the service: -1 where the socket's own value is meant.
  std::int16_t hop_limit = -1, traffic_class = -1;
  std::int64_t received_ns = 0;  // CLOCK_REALTIME
  std::errc error{};             // Kind::Error only

  void write(std::span<std::uint8_t, kSize> to) const;
  // Nothing when `message` is bare bytes for `socket`, or too short to hold a header.
  static std::optional<DatagramHeader> read(ByteView message, const SocketName& socket);
  // Does it begin with the mark? Then it must have a header in front.
  static bool begins_with_mark(ByteView bytes, const SocketName& socket);
};

// What the error queue of a datagram socket tells about one error (IP_RECVERR): the payload of a
// TakeErrorMessage reply, before as many bytes of the datagram it is about as came back.
struct DatagramError {
  static constexpr std::size_t kSize = 64;
  // So many bytes of the datagram at the most; routers send back 548 or 1232 and often fewer.
  static constexpr std::size_t kMostQuoted = 900;

  std::int32_t domain = 0;  // the socket's
  std::errc error{};
  std::uint8_t origin = 0;  // SO_EE_ORIGIN_LOCAL, _ICMP, _ICMP6
  std::uint8_t type = 0, code = 0;
  std::uint32_t info = 0;  // the MTU, when a datagram was too big
  Endpoint offender;       // who says so; empty: we
  Endpoint destination;    // where the datagram was to go

  void write(std::span<std::uint8_t, kSize> to) const;
  // Nothing when `from` is too short to hold one.
  static std::optional<DatagramError> read(ByteView from);
  bool operator==(const DatagramError&) const = default;
};

// The largest datagrams there are: 65535 bytes less the IPv4 and UDP headers, less the UDP header.
inline constexpr std::size_t kMaxDatagram4 = 65507;
inline constexpr std::size_t kMaxDatagram6 = 65527;

// ---- Is the application's end one of a datagram socket? Its kernel type tells.
bool is_datagram_pair(int fd) noexcept;

// ---- The connected mark. Whether a datagram socket has a peer must be known to whoever writes,
// in any process and without a question: the shim sets SO_BROADCAST on the application's end, which
// means nothing to AF_UNIX (the application's own SO_BROADCAST goes to the service).
bool mark_connected(int fd, bool is_connected) noexcept;
bool is_marked_connected(int fd) noexcept;

}  // namespace ztshim
