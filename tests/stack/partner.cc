#include "tests/stack/partner.h"

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

}  // namespace

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
  if (frame.ether_type != kArp || frame.payload.size() < 28 || frame.payload[7] != 1) return;
  const IpAddress wanted = IpAddress::v4(frame.payload.subspan(24, 4));
  const IpAddress asker = IpAddress::v4(frame.payload.subspan(14, 4));
  arp_asked_for.push_back(wanted);
  if (!answers_arp) return;
  const auto other = also_answers_for.find(wanted);
  if (wanted != ip && other == also_answers_for.end()) return;
  const std::uint64_t answer = wanted == ip ? mac : other->second;
  answers_.push_back(
      {interface, frame.source, answer, kArp, arp(2, answer, wanted, frame.source, asker)});
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
  std::uint32_t pseudo = 6 + static_cast<std::uint32_t>(tcp.size());
  for (const IpAddress& address : {segment.from.ip, segment.to.ip}) {
    pseudo += (address.v4_number() >> 16) + (address.v4_number() & 0xffff);
  }
  put16(tcp, 16, checksum(tcp, pseudo));
  stack.input(interface, our_mac, mac, kIp, ipv4_packet(segment.from.ip, segment.to.ip, 6, tcp));
}

void Partner::send_ping(Stack& stack, std::uint64_t our_mac, const IpAddress& to,
                        ByteView payload) {
  Bytes icmp;
  be(icmp, 0x0800'0000'1234'0001, 8);
  append(icmp, payload);
  put16(icmp, 2, checksum(icmp));
  stack.input(interface, our_mac, mac, kIp, ipv4_packet(ip, to, 1, icmp));
}

std::vector<Segment> Partner::take_segments() {
  std::vector<Segment> segments;
  for (const Frame& frame : std::exchange(seen, {})) {
    if (frame.ether_type != kIp || frame.payload.size() < 40 || frame.payload[9] != 6) continue;
    Reader in(frame.payload);
    in.take(12);
    Segment segment;
    segment.from.ip = IpAddress::v4(in.take(4));
    segment.to.ip = IpAddress::v4(in.take(4));
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
    segment.payload = to_bytes(whole.subspan(20 + header));
    segments.push_back(std::move(segment));
  }
  return segments;
}

}  // namespace ztshim::stack
