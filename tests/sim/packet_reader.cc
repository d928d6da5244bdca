#include "tests/sim/packet_reader.h"

#include <algorithm>

#include "service/wire/fragment.h"
#include "service/wire/packet.h"

namespace ztshim::sim {
namespace {

Verb verb_of(std::uint8_t byte) { return static_cast<Verb>(byte & 0x1f); }

}  // namespace

std::string ReadPacket::verb_text() const {
  if (is_fragmented) return "head";
  if (!verb) return is_authentic ? "?" : "not authentic";
  std::string text(ztshim::name_of(*verb));
  if (in_re) text += "(" + std::string(ztshim::name_of(*in_re)) + ")";
  return text;
}

void PacketReader::introduce(const std::string& name, const Identity& identity) {
  parties_.insert_or_assign(identity.address(), std::pair(name, identity));
}

std::string PacketReader::name_of(Address address) const {
  const auto known = parties_.find(address);
  return known == parties_.end() ? address.text() : known->second.first;
}

const PacketKeys* PacketReader::keys(Address source, Address destination) const {
  const std::pair<Address, Address> pair = std::minmax(source, destination);
  if (const auto known = keys_.find(pair); known != keys_.end()) return known->second.get();
  const auto one = parties_.find(source);
  const auto other = parties_.find(destination);
  if (one == parties_.end() || other == parties_.end()) return nullptr;
  const auto agreed = one->second.second.agree(other->second.second);
  if (!agreed) return nullptr;
  return (keys_[pair] = std::make_unique<PacketKeys>(*agreed)).get();
}

std::optional<ReadPacket> PacketReader::read(ByteView datagram) const {
  if (kind_of_datagram(datagram) != DatagramKind::Packet) return std::nullopt;
  const auto header = PacketHeader::read(datagram);
  if (!header) return std::nullopt;
  ReadPacket packet;
  packet.source = header->source;
  packet.destination = header->destination;
  packet.hops = header->hops();
  packet.suite = static_cast<int>(header->suite());
  packet.is_fragmented = header->is_fragmented();
  const PacketKeys* known = keys(packet.source, packet.destination);
  if (packet.is_fragmented || known == nullptr) return packet;
  Bytes copy = to_bytes(datagram);
  packet.is_authentic = known->open(copy);
  if (!packet.is_authentic) return packet;
  packet.verb = verb_of(copy[kVerbOffset]);
  const bool names_another = packet.verb == Verb::Ok || packet.verb == Verb::Error;
  if (names_another && copy.size() > kPacketHeaderSize) {
    packet.in_re = verb_of(copy[kPacketHeaderSize]);
  }
  return packet;
}

}  // namespace ztshim::sim
