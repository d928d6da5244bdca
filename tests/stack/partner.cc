#include "tests/stack/partner.h"

#include <algorithm>
#include <utility>

#include "common/reader.h"
#include "common/writer.h"

namespace ztshim::stack {
namespace {

std::uint16_t checksum(ByteView bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : bytes[i];
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void put16(Bytes& to, std::size_t at, std::uint16_t value) {
  to[at] = static_cast<std::uint8_t>(value >> 8);
  to[at + 1] = static_cast<std::uint8_t>(value);
}

void be(Bytes& to, std::uint64_t value, int size) {
  for (int i = size - 1; i >= 0; --i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint32_t pseudo_header(const IpAddress& from, const IpAddress& to, std::uint8_t protocol,
                            std::size_t size) {
  std::uint32_t sum = protocol + static_cast<std::uint32_t>(size);
  for (const IpAddress& address : {from, to}) {
    const ByteView bytes = address.bytes();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : bytes[i];
    }
  }
  return sum;
}

}  // namespace

Bytes ip_packet(const IpAddress& from, const IpAddress& to, std::uint8_t protocol, ByteView payload,
                std::uint8_t hops) {
  if (from.is_v4()) return ipv4_packet(from, to, protocol, payload);
  Bytes packet;
  be(packet, 0x6000'0000, 4);
  be(packet, payload.size(), 2);
  packet.push_back(protocol);
  packet.push_back(hops);
  append(packet, from.bytes());
  append(packet, to.bytes());
  append(packet, payload);
  return packet;
}

Bytes ipv4_packet(const IpAddress& from, const IpAddress& to, std::uint8_t protocol,
                  ByteView payload) {
  Bytes packet;
  be(packet, 0x4500, 2);
  be(packet, 20 + payload.size(), 2);
  be(packet, 0, 4);
  packet.push_back(64);
  packet.push_back(protocol);
  be(packet, 0, 2);
  append(packet, from.bytes());
  append(packet, to.bytes());
  put16(packet, 10, checksum(packet));
  append(packet, payload);
  return packet;
}

Bytes arp(std::uint16_t operation, std::uint64_t sender_mac, const IpAddress& sender,
          std::uint64_t target_mac, const IpAddress& target) {
  Bytes message;
  be(message, 0x0001'0800'0604, 6);
  be(message, operation, 2);
  be(message, sender_mac, 6);
  append(message, sender.bytes());
  be(message, target_mac, 6);
  append(message, target.bytes());
  return message;
}

Partner::Partner(InterfaceId on, const char* address, std::uint64_t own_mac)
    : interface(on), ip(*IpAddress::parse(address)), mac(own_mac) {}

void Partner::on_frame(const OutgoingFrame& frame) {
  if (frame.interface != interface) return;
  seen.push_back({frame.interface, frame.destination, frame.source, frame.ether_type,
                  to_bytes(frame.payload)});
  if (frame.ether_type == kIpv6) return on_solicitation(frame);
  if (frame.ether_type != kArp || frame.payload.size() < 28 || frame.payload[7] != 1) return;
  const IpAddress wanted = IpAddress::v4(frame.payload.subspan(24, 4));
  const IpAddress asker = IpAddress::v4(frame.payload.subspan(14, 4));
  const std::uint64_t answer = mac_of(wanted);
  if (answer == 0) return;
  answers_.push_back(
      {interface, frame.source, answer, kArp, arp(2, answer, wanted, frame.source, asker)});
}

// Whose question it is to answer; 0: nobody's.
std::uint64_t Partner::mac_of(const IpAddress& wanted) {
  arp_asked_for.push_back(wanted);
  if (!answers_arp) return 0;
  if (wanted == ip) return mac;
  const auto other = also_answers_for.find(wanted);
  return other == also_answers_for.end() ? 0 : other->second;
}

void Partner::on_solicitation(const OutgoingFrame& frame) {
  const ByteView packet = frame.payload;
  if (packet.size() < 64 || packet[6] != 58 || packet[40] != 135) return;
  const IpAddress asker = IpAddress::v6(packet.subspan(8, 16));
  const IpAddress wanted = IpAddress::v6(packet.subspan(48, 16));
  if (asker.is_unspecified()) return;  // somebody announces an address
  const std::uint64_t answer = mac_of(wanted);
  if (answer == 0) return;
  Bytes message;
  be(message, 0x8800'0000, 4);
  be(message, 0x6000'0000, 4);  // solicited, override
  append(message, wanted.bytes());
  be(message, 0x0201, 2);  // the target's link-layer address
  be(message, answer, 6);
  put16(message, 2, checksum(message, pseudo_header(wanted, asker, 58, message.size())));
  answers_.push_back(
      {interface, frame.source, answer, kIpv6, ip_packet(wanted, asker, 58, message, 255)});
}

void Partner::flush(Stack& stack, std::uint64_t our_mac) {
  while (!answers_.empty()) {
    const std::vector<Frame> answers = std::exchange(answers_, {});
    for (const Frame& frame : answers) {
      stack.input(frame.interface, our_mac, frame.source, frame.ether_type, frame.payload);
    }
  }
}

void Partner::send_arp_request(Stack& stack, std::uint64_t, const IpAddress& wanted) {
  stack.input(interface, kBroadcast, mac, kArp, arp(1, mac, ip, 0, wanted));
}

void Partner::send(Stack& stack, std::uint64_t our_mac, const Segment& segment) {
  Bytes tcp;
  be(tcp, segment.from.port, 2);
  be(tcp, segment.to.port, 2);
  be(tcp, segment.sequence, 4);
  be(tcp, segment.acknowledgement, 4);
  const std::size_t header = 20 + segment.options.size();
  tcp.push_back(static_cast<std::uint8_t>(header / 4 << 4));
  tcp.push_back(segment.flags);
  be(tcp, segment.window, 2);
  be(tcp, 0, 4);
  append(tcp, segment.options);
  append(tcp, segment.payload);
  put16(tcp, 16, checksum(tcp, pseudo_header(segment.from.ip, segment.to.ip, 6, tcp.size())));
  send_packet(stack, our_mac, ip_packet(segment.from.ip, segment.to.ip, 6, tcp));
}

void Partner::send_packet(Stack& stack, std::uint64_t our_mac, ByteView packet) {
  stack.input(interface, our_mac, mac, packet[0] >> 4 == 6 ? kIpv6 : kIp, packet);
}

void Partner::send_error(Stack& stack, std::uint64_t our_mac, const IpAddress& router,
                         std::uint8_t type, std::uint8_t code, std::uint32_t data, ByteView about) {
  Bytes message{type, code, 0, 0};
  be(message, data, 4);
  append(message, about.first(std::min<std::size_t>(about.size(), router.is_v6() ? 512 : 28)));
  const bool is_v6 = router.is_v6();
  const IpAddress to =
      is_v6 ? IpAddress::v6(about.subspan(8, 16)) : IpAddress::v4(about.subspan(12, 4));
  put16(message, 2, checksum(message, is_v6 ? pseudo_header(router, to, 58, message.size()) : 0));
  send_packet(stack, our_mac, ip_packet(router, to, is_v6 ? 58 : 1, message));
}

void Partner::send_ping(Stack& stack, std::uint64_t our_mac, const IpAddress& to,
                        ByteView payload) {
  Bytes icmp;
  be(icmp, ip.is_v6() ? 0x8000'0000'1234'0001 : 0x0800'0000'1234'0001, 8);
  append(icmp, payload);
  put16(icmp, 2, checksum(icmp, ip.is_v6() ? pseudo_header(ip, to, 58, icmp.size()) : 0));
  send_packet(stack, our_mac, ip_packet(ip, to, ip.is_v6() ? 58 : 1, icmp));
}

std::vector<Segment> Partner::take_segments() {
  std::vector<Segment> segments;
  for (const Frame& frame : std::exchange(seen, {})) {
    const bool is_v6 = frame.ether_type == kIpv6;
    const std::size_t ip_header = is_v6 ? 40 : 20;
    if (!is_v6 && frame.ether_type != kIp) continue;
    if (frame.payload.size() < ip_header + 20 || frame.payload[is_v6 ? 6 : 9] != 6) continue;
    Reader in(frame.payload);
    Segment segment;
    if (is_v6) {
      in.take(8);
      segment.from.ip = IpAddress::v6(in.take(16));
      segment.to.ip = IpAddress::v6(in.take(16));
    } else {
      in.take(12);
      segment.from.ip = IpAddress::v4(in.take(4));
      segment.to.ip = IpAddress::v4(in.take(4));
    }
    segment.from.port = in.be<std::uint16_t>();
    segment.to.port = in.be<std::uint16_t>();
    segment.sequence = in.be<std::uint32_t>();
    segment.acknowledgement = in.be<std::uint32_t>();
    const std::size_t header = static_cast<std::size_t>(in.be<std::uint8_t>() >> 4) * 4;
    segment.flags = in.be<std::uint8_t>();
    segment.window = in.be<std::uint16_t>();
    in.take(4);
    segment.options = to_bytes(in.take(header - 20));
    const ByteView whole(frame.payload);
    segment.payload = to_bytes(whole.subspan(ip_header + header));
    segments.push_back(std::move(segment));
  }
  return segments;
}

}  // namespace ztshim::stack
