// A scripted neighbour on a virtual network: it sees the frames the stack sends and sends frames
// back. It has no TCP of its own, so that a test can let it say anything.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "service/stack/stack.h"

namespace ztshim::stack {

// A TCP segment as the test sees or makes it.
struct Segment {
  enum Flag : std::uint8_t { Fin = 1, Syn = 2, Rst = 4, Psh = 8, Ack = 16 };
  Endpoint from, to;
  std::uint32_t sequence = 0, acknowledgement = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  Bytes options, payload;

  bool has(std::uint8_t wanted) const { return (flags & wanted) == wanted; }
};

struct Frame {
  InterfaceId interface {};
  std::uint64_t destination = 0, source = 0;
  std::uint16_t ether_type = 0;
  Bytes payload;
};

class Partner {
 public:
  static constexpr std::uint64_t kBroadcast = 0xffffffffffff;
  static constexpr std::uint16_t kIp = 0x0800, kArp = 0x0806, kIpv6 = 0x86dd;

  Partner(InterfaceId interface, const char* ip, std::uint64_t mac);
  // Give it to the stack as its output; answers ARP and neighbour solicitations unless told to be
  // silent.
  void on_frame(const OutgoingFrame& frame);
  // Hands over what the answers are, outside of the stack's own calls.
  void flush(Stack& stack, std::uint64_t our_mac);

  void send_arp_request(Stack& stack, std::uint64_t our_mac, const IpAddress& wanted);
  void send(Stack& stack, std::uint64_t our_mac, const Segment& segment);
  void send_ping(Stack& stack, std::uint64_t our_mac, const IpAddress& to, ByteView payload);
  // A whole packet of either family.
  void send_packet(Stack& stack, std::uint64_t our_mac, ByteView packet);
  // An ICMP or ICMPv6 error about a packet of ours, from `router`.
  void send_error(Stack& stack, std::uint64_t our_mac, const IpAddress& router, std::uint8_t type,
                  std::uint8_t code, std::uint32_t data, ByteView about);

  // The IP packets that carry TCP, newest last.
  std::vector<Segment> take_segments();

  const InterfaceId interface;
  const IpAddress ip;
  const std::uint64_t mac;
  bool answers_arp = true;
  std::map<IpAddress, std::uint64_t> also_answers_for;
  std::vector<Frame> seen;
  std::vector<IpAddress> arp_asked_for;  // by neighbour solicitations as well

 private:
  void on_solicitation(const OutgoingFrame& frame);
  std::uint64_t mac_of(const IpAddress& wanted);

  std::vector<Frame> answers_;
};

// Of the addresses' family.
Bytes ip_packet(const IpAddress& from, const IpAddress& to, std::uint8_t protocol, ByteView payload,
                std::uint8_t hops = 64);
Bytes ipv4_packet(const IpAddress& from, const IpAddress& to, std::uint8_t protocol,
                  ByteView payload);
Bytes arp(std::uint16_t operation, std::uint64_t sender_mac, const IpAddress& sender,
          std::uint64_t target_mac, const IpAddress& target);

}  // namespace ztshim::stack
