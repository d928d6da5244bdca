#include "service/wire/fragment.h"

#include <algorithm>
#include <cassert>

#include "common/reader.h"

namespace ztshim {
namespace {

constexpr std::size_t kBeaconSize = 13;
constexpr std::size_t kIndicatorOffset = 13;
constexpr std::uint8_t kFragmentIndicator = 0xff;
constexpr std::size_t kHopsOffset = 15;
// Any division leaves the head its 28 bytes down to here.
constexpr std::size_t kSmallestLimit = 64;

}  // namespace

DatagramKind kind_of_datagram(ByteView datagram) {
  if (datagram.size() == kBeaconSize) return DatagramKind::Beacon;
  if (datagram.size() <= kFragmentHeaderSize) return DatagramKind::Nothing;
  if (datagram[kIndicatorOffset] == kFragmentIndicator) return DatagramKind::Fragment;
  return datagram.size() < kPacketHeaderSize ? DatagramKind::Nothing : DatagramKind::Packet;
}

std::optional<FragmentHeader> FragmentHeader::read(ByteView datagram) {
  if (kind_of_datagram(datagram) != DatagramKind::Fragment) return std::nullopt;
  Reader in(datagram);
  FragmentHeader header;
  header.packet = PacketId(in.be<std::uint64_t>());
  header.destination = Address::read(in);
  in.take(1);
  const auto counts = in.be<std::uint8_t>();
  header.total = static_cast<std::uint8_t>(counts >> 4);
  header.number = static_cast<std::uint8_t>(counts & 0x0f);
  header.hops = static_cast<std::uint8_t>(in.be<std::uint8_t>() & 0x07);
  return header;
}

void FragmentHeader::write(Writer& out) const {
  out.be(packet.number());
  destination.write(out);
  out.be(kFragmentIndicator);
  out.be(static_cast<std::uint8_t>(total << 4 | (number & 0x0f)));
  out.be(static_cast<std::uint8_t>(hops & 0x07));
}

void add_fragment_hop(MutableBytes datagram) {
  assert(datagram.size() >= kFragmentHeaderSize);
  datagram[kHopsOffset] = static_cast<std::uint8_t>((datagram[kHopsOffset] + 1U) & 0x07);
}

std::optional<FragmentPlan> FragmentPlan::make(std::size_t packet_size, std::size_t datagram_limit,
                                               Division division) {
  if (packet_size < kPacketHeaderSize || packet_size > kMaxPacketSize) return std::nullopt;
  const std::size_t limit = std::max(datagram_limit, kSmallestLimit);
  FragmentPlan plan;
  plan.packet_size_ = packet_size;
  plan.head_ = packet_size;
  if (packet_size <= limit) return plan;

  const std::size_t room = limit - kFragmentHeaderSize;
  const std::size_t count = 1 + (packet_size - limit + room - 1) / room;
  if (count > kMaxDatagramsPerPacket) return std::nullopt;
  plan.count_ = static_cast<unsigned>(count);
  // With equal pieces the headers of the later datagrams are shared out as well: n datagrams carry
  // the packet and n-1 fragment headers. 2838 bytes make 2 x 1427.
  const std::size_t carried = packet_size + (count - 1) * kFragmentHeaderSize;
  plan.head_ = division == Division::Classic ? limit : (carried + count - 1) / count;
  plan.piece_ = plan.head_ - kFragmentHeaderSize;
  return plan;
}

std::size_t FragmentPlan::datagram_size(unsigned n) const {
  assert(n < count_);
  if (n == 0) return head_;
  const std::size_t begin = head_ + (n - 1) * piece_;
  return kFragmentHeaderSize + std::min(piece_, packet_size_ - begin);
}

void FragmentPlan::write_datagram(Writer& out, ByteView sealed, unsigned n) const {
  assert(n < count_ && sealed.size() == packet_size_);
  if (n == 0) {
    out.bytes(sealed.first(head_));
    return;
  }
  FragmentHeader header;
  Reader in(sealed);
  header.packet = PacketId(in.be<std::uint64_t>());
  header.destination = Address::read(in);
  header.total = static_cast<std::uint8_t>(count_);
  header.number = static_cast<std::uint8_t>(n);
  header.write(out);
  out.bytes(sealed.subspan(head_ + (n - 1) * piece_, datagram_size(n) - kFragmentHeaderSize));
}

}  // namespace ztshim
