// A received datagram, who takes it, and how one is to leave.
#pragma once

#include <cstdint>

#include "common/endpoint.h"
#include "service/stack/icmp_error.h"
#include "service/stack/pbuf_handle.h"
#include "service/stack/stack.h"

namespace ztshim::stack {

struct Datagram {
  Endpoint from, to;
  InterfaceId interface {};
  std::uint8_t hop_limit = 0, traffic_class = 0;
  PbufHandle payload;
};

// Both are called from within the stack: only to take notes.
class DatagramReceiver {
 public:
  virtual void on_datagram(const Datagram& datagram) = 0;
  // About a datagram that this receiver may have sent.
  virtual void on_icmp_error(const IcmpError& error) = 0;

 protected:
  ~DatagramReceiver() = default;
};

struct PacketWay {
  InterfaceId interface {};
  IpAddress source;
  std::uint8_t hop_limit = 64, traffic_class = 0;
  bool dont_fragment = false;  // IPv4; nobody on the way fragments IPv6
  // To a group or a broadcast address: for our own sockets as well; for nobody else.
  bool loops = false, stays_here = false;
};

}  // namespace ztshim::stack
