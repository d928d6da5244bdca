// ICMP and ICMPv6 for others than lwIP: echo requests of ours (`ztshim ping`, and sockets of
// applications that may send nothing else), and raw sockets, which see everything that comes.
// Requests of others are lwIP's to answer.
#pragma once

#include <system_error>
#include <vector>

#include "service/stack/datagram.h"
#include "service/stack/echo.h"
#include "service/stack/port_table.h"

struct raw_pcb;

namespace ztshim::stack {

class Interfaces;

class Icmp {
 public:
  explicit Icmp(const Interfaces& interfaces);
  ~Icmp();
  Icmp(const Icmp&) = delete;
  Icmp& operator=(const Icmp&) = delete;

  static constexpr std::size_t kHeader = 8;

  Echo& echo() { return echo_; }
  // Of echo sockets: their ports.
  PortTable& identifiers() { return identifiers_; }
  // A raw socket; the claim's port says nothing. IPv4 packets come with their header.
  void enter_raw(DatagramReceiver& receiver, const Claim& claim);
  void leave_raw(DatagramReceiver& receiver);

  // A whole message; makes its checksum if it is to. EMSGSIZE, ENOBUFS and what send_packet() says.
  enum class Checksum : std::uint8_t { Make, Keep };
  std::errc send(const IpAddress& to, const PacketWay& way, ByteView message, Checksum checksum);
  // False: nobody has sent anything that it could be about.
  bool on_icmp_error(const IcmpError& error, InterfaceId interface);

 private:
  friend struct IcmpTrampoline;
  void on_packet(ByteView packet, bool is_v6);
  void deliver_raw(const Datagram& datagram);

  struct Raw {
    DatagramReceiver* receiver;
    Claim claim;
  };
  const Interfaces& interfaces_;
  Echo echo_;
  PortTable identifiers_;
  std::vector<Raw> raw_;
  raw_pcb* v4_ = nullptr;
  raw_pcb* v6_ = nullptr;
};

}  // namespace ztshim::stack
