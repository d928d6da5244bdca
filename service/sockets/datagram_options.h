// The socket options that only datagram sockets know: what to tell with each datagram, and how
// groups are sent to. What streams know as well is options.h's. interposition.md 10.
#pragma once

#include <netinet/in.h>

#include <optional>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/result.h"
#include "service/sockets/options.h"

namespace ztshim::sockets {

class DatagramOptions {
 public:
  struct Facts {
    int domain = 0, protocol = 0;
    unsigned path_mtu = 0;  // to the connected peer; 0: there is none
  };
  // Nothing: not an option of these. (The inner optional is Options'.)
  std::optional<Result<std::optional<Bytes>>> get(int level, int name, std::size_t size,
                                                  const Facts& facts) const;
  // Nothing likewise; true: done.
  std::optional<Result<void>> set(int level, int name, ByteView value, const Facts& facts,
                                  const stack::Stack& stack);

  std::uint16_t wanted() const;  // DatagramHeader::Wanted
  int multicast_ttl(bool is_v6) const {
    return is_v6 ? values_.multicast_hops : values_.multicast_ttl;
  }
  bool multicast_loop(bool is_v6) const {
    return (is_v6 ? values_.multicast_loop6 : values_.multicast_loop) != 0;
  }
  bool multicast_all(bool is_v6) const {
    return (is_v6 ? values_.multicast_all6 : values_.multicast_all) != 0;
  }
  // Groups go out there; 0: anywhere.
  std::uint32_t multicast_interface(bool is_v6) const { return is_v6 ? interface6_ : interface4_; }
  const IpAddress& multicast_source() const { return source4_; }
  // IPV6_PKTINFO as an option: for every datagram.
  const IpAddress& sticky_source() const { return sticky_source_; }
  std::uint32_t sticky_interface() const { return sticky_interface_; }
  bool dont_fragment6() const { return values_.dont_fragment6 != 0; }
  bool wants_errors(bool is_v6) const {
    return (is_v6 ? values_.receive_errors6 : values_.receive_errors) != 0;
  }

 private:
  friend struct DatagramOptionTable;
  struct Values {
    int packet_info = 0, receive_ttl = 0, receive_tos = 0, original_destination = 0;
    int packet_info6 = 0, receive_hop_limit = 0, receive_traffic_class = 0,
        original_destination6 = 0;
    int timestamp = 0, timestamp_ns = 0;
    int multicast_ttl = 1, multicast_loop = 1, multicast_all = 1;
    int multicast_hops = 1, multicast_loop6 = 1, multicast_all6 = 1;
    int dont_fragment6 = 0;
    int receive_errors = 0, receive_errors6 = 0;
    int no_checksum = 0, no_checksum_tx6 = 0, no_checksum_rx6 = 0;
  };
  Result<void> set_interface4(ByteView value, const stack::Stack& stack);
  Result<void> set_interface6(ByteView value);
  Result<void> set_packet_info6(ByteView value);

  Values values_;
  std::uint32_t interface4_ = 0, interface6_ = 0;
  IpAddress source4_;  // IP_MULTICAST_IF by address
  IpAddress sticky_source_;
  std::uint32_t sticky_interface_ = 0;
};

}  // namespace ztshim::sockets
