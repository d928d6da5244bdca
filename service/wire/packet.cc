#include "service/wire/packet.h"

#include <algorithm>
#include <cassert>

#include "common/reader.h"

namespace ztshim {
namespace {

constexpr std::size_t kDestinationOffset = 8;
constexpr std::size_t kSourceOffset = 13;
constexpr std::size_t kFlagsOffset = 18;
constexpr unsigned kHopMask = 0x07;

void store(MutableBytes to, std::uint64_t value) {
  for (std::size_t i = to.size(); i-- > 0; value >>= 8) to[i] = static_cast<std::uint8_t>(value);
}

}  // namespace

std::optional<PacketHeader> PacketHeader::read(ByteView packet) {
  if (packet.size() < kPacketHeaderSize) return std::nullopt;
  Reader in(packet);
  PacketHeader header;
  header.id = PacketId(in.be<std::uint64_t>());
  header.destination = Address::read(in);
  header.source = Address::read(in);
  header.flags = in.be<std::uint8_t>();
  header.verb_byte = packet[kVerbOffset];
  return header;
}

void write_packet_header(MutableBytes packet, PacketId id, Address destination, Address source,
                         Verb verb) {
  assert(packet.size() >= kPacketHeaderSize);
  std::fill_n(packet.begin(), kPacketHeaderSize, std::uint8_t{0});
  store(packet.first(kDestinationOffset), id.number());
  store(packet.subspan(kDestinationOffset, Address::kSize), destination.number());
  store(packet.subspan(kSourceOffset, Address::kSize), source.number());
  packet[kVerbOffset] = static_cast<std::uint8_t>(verb);
}

void set_fragmented(MutableBytes packet) {
  assert(packet.size() >= kPacketHeaderSize);
  packet[kFlagsOffset] = static_cast<std::uint8_t>(packet[kFlagsOffset] | kFlagFragmented);
}

void add_hop(MutableBytes packet) {
  assert(packet.size() >= kPacketHeaderSize);
  const unsigned flags = packet[kFlagsOffset];
  packet[kFlagsOffset] = static_cast<std::uint8_t>((flags & ~kHopMask) | ((flags + 1) & kHopMask));
}

PacketId packet_id_of(ByteView packet) { return PacketId(Reader(packet).be<std::uint64_t>()); }

}  // namespace ztshim
