// The packet header: fields at fixed places in a buffer that begins with the packet ID.
// Notes: vl1-packets 2.
//
//   0  packet ID (8)      8  destination (5)   13  source (5)   18  flags, cipher, hops (1)
//  19  authenticator (8)  27 verb and flags (1)   28 payload
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "common/bytes.h"
#include "service/crypto/address.h"
#include "service/crypto/suites.h"
#include "service/wire/verb.h"

namespace ztshim {

// The first eight bytes of a packet as they are on the wire, big-endian.
class PacketId {
 public:
  constexpr PacketId() = default;
  explicit constexpr PacketId(std::uint64_t number) : number_(number) {}
  constexpr std::uint64_t number() const { return number_; }
  std::string text() const { return to_hex(number_, 16); }
  constexpr auto operator<=>(const PacketId&) const = default;

 private:
  std::uint64_t number_ = 0;
};

inline constexpr std::size_t kPacketHeaderSize = 28;  // verb included
inline constexpr std::size_t kVerbOffset = 27;
inline constexpr std::size_t kMaxPacketSize = 10024;
// What arrives when every datagram has the usual size (7 datagrams); a sender's own limit.
inline constexpr std::size_t kMaxSendablePacketSize = 9928;
inline constexpr std::uint8_t kFlagFragmented = 0x40;
inline constexpr std::uint8_t kFlagCompressed = 0x80;  // in the verb byte

struct PacketHeader {
  PacketId id;
  Address destination;
  Address source;
  std::uint8_t flags = 0;  // offset 18 as it is: 0x80, fragmented, cipher, hops
  std::uint8_t verb_byte = 0;

  // Nothing for fewer than 28 bytes. The verb is meaningful only in an opened packet.
  static std::optional<PacketHeader> read(ByteView packet);
  Suite suite() const { return static_cast<Suite>(flags >> 3 & 7); }
  unsigned hops() const { return flags & 7; }
  bool is_fragmented() const { return (flags & kFlagFragmented) != 0; }
  Verb verb() const { return static_cast<Verb>(verb_byte & 0x1f); }
  bool is_compressed() const { return (verb_byte & kFlagCompressed) != 0; }
};

// Writes a fresh header (no hops, no cipher, authenticator zero) and the verb into the first 28
// bytes.
void write_packet_header(MutableBytes packet, PacketId id, Address destination, Address source,
                         Verb verb);
void set_fragmented(MutableBytes packet);
// Adds one to the hop count (modulo 8): all that a relay may change.
void add_hop(MutableBytes packet);
PacketId packet_id_of(ByteView packet);

}  // namespace ztshim

template <>
struct std::hash<ztshim::PacketId> {
  std::size_t operator()(const ztshim::PacketId& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.number());
  }
};
