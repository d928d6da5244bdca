// For the files that say what a whole node does: the node under test, the parties it knows, and the
// comparison of what it sends with what the file expects. Random bytes, times and orders differ;
// everything else must not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "service/wire/fragment.h"
#include "service/wire/messages/hello.h"
#include "tests/sim/sim_node.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {

struct SentPacket {
  std::string to_endpoint;
  std::string content;  // parties, hops, suite and bytes from the verb on; or "junk"
  friend bool operator==(const SentPacket&, const SentPacket&) = default;
  friend void PrintTo(const SentPacket& p, std::ostream* out) {
    *out << p.to_endpoint << " " << p.content;
  }
};

inline Endpoint endpoint(const Json& text) {
  const auto parsed = Endpoint::parse(text.get<std::string>());
  if (!parsed) throw std::runtime_error("not an endpoint: " + text.dump());
  return *parsed;
}

// Bytes from the verb on, without what no two runs have in common: HELLO's timestamp, and its
// masked tail, which depends on the packet ID.
inline std::string comparable(Bytes from_verb) {
  constexpr std::size_t kHelloTimestamp = 6;
  const bool is_hello = (from_verb.at(0) & 0x1f) == static_cast<unsigned>(Verb::Hello);
  if (!is_hello) return to_hex(from_verb);
  Bytes packet(kVerbOffset, 0);
  append(packet, from_verb);
  const std::size_t tail = Hello::tail_offset(packet).value_or(packet.size());
  std::fill_n(packet.begin() + static_cast<std::ptrdiff_t>(kVerbOffset + kHelloTimestamp), 8,
              std::uint8_t{0});
  return to_hex(ByteView(packet).subspan(kVerbOffset, tail - kVerbOffset)) + " + " +
         std::to_string(packet.size() - tail) + " masked bytes";
}

inline std::string described(const PacketHeader& header, const std::string& content) {
  return header.source.text() + "->" + header.destination.text() + " hops " +
         std::to_string(header.hops()) + " suite " +
         std::to_string(static_cast<int>(header.suite())) + " " + content;
}

// What the datagram says, opened with the keys of `parties`.
inline SentPacket opened(const Endpoint& to, Bytes datagram, const std::vector<Identity>& parties) {
  const std::string where = to.protocol_text();
  if (kind_of_datagram(datagram) == DatagramKind::Nothing) {
    return {where, "junk of " + std::to_string(datagram.size())};
  }
  if (kind_of_datagram(datagram) == DatagramKind::Fragment) return {where, to_hex(datagram)};
  const auto header = PacketHeader::read(datagram);
  const Identity* source = nullptr;
  const Identity* destination = nullptr;
  for (const Identity& party : parties) {
    if (party.address() == header->source) source = &party;
    if (party.address() == header->destination) destination = &party;
  }
  if (source == nullptr || destination == nullptr) return {where, to_hex(datagram)};
  const auto key = source->has_secret() ? source->agree(*destination) : destination->agree(*source);
  if (!key || !PacketKeys(*key).open(datagram)) return {where, "not authentic"};
  return {where, described(*header, comparable(to_bytes(ByteView(datagram).subspan(kVerbOffset))))};
}

inline std::vector<SentPacket> opened(const Outbox& out, const std::vector<Identity>& parties) {
  std::vector<SentPacket> all;
  for (const Outbox::Datagram& sent : out.datagrams()) {
    all.push_back(opened(sent.remote, to_bytes(out.bytes_of(sent)), parties));
  }
  return all;
}

}  // namespace ztshim::vectors
