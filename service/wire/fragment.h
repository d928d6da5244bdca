// What a datagram holds, the header of a fragment, and how a sealed packet is divided into
// datagrams. Putting pieces together again is VL1's business. Notes: vl1-packets 1 and 3;
// performance 2.3.
//
//   0  packet ID (8)   8  destination (5)   13  0xff   14  total << 4 | number   15  hops   16 data
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/writer.h"
#include "service/crypto/address.h"
#include "service/wire/packet.h"

namespace ztshim {

enum class DatagramKind : std::uint8_t {
  Nothing,   // too short to mean anything; NAT "junk" too
  Beacon,    // 13 bytes, obsolete
  Fragment,  // 0xff in byte 13
  Packet,    // a packet or the head of one
};
DatagramKind kind_of_datagram(ByteView datagram);

inline constexpr std::size_t kFragmentHeaderSize = 16;
inline constexpr unsigned kMaxDatagramsPerPacket = 7;  // of what receivers put together again
inline constexpr std::size_t kDefaultDatagramLimit = 1432;

struct FragmentHeader {
  PacketId packet;  // as in the head
  Address destination;
  std::uint8_t total = 0;   // datagrams, head included
  std::uint8_t number = 0;  // 1 .. total-1
  std::uint8_t hops = 0;

  // Nothing unless kind_of_datagram() says Fragment.
  static std::optional<FragmentHeader> read(ByteView datagram);
  void write(Writer& out) const;
  // Whether a receiver may take it: 2 <= total <= 7, 1 <= number < total. Relays do not ask.
  bool is_receivable() const {
    return total >= 2 && total <= kMaxDatagramsPerPacket && number >= 1 && number < total;
  }
};

// Adds one to a fragment's own hop count (modulo 8): all that a relay may change.
void add_fragment_hop(MutableBytes datagram);

// Equal: all datagrams but the last have one size and the last is at most a few bytes shorter, so
// that a batch of them can leave in one segmented send. Classic: the head is as long as the limit,
// which is how genuine nodes cut.
enum class Division : std::uint8_t { Equal, Classic };

// How a packet of a given size is cut. Value; cheap.
class FragmentPlan {
 public:
  // Nothing when the packet has no header or would need more than 7 datagrams. A plan of one
  // datagram means: send it as it is. `datagram_limit` below 64 counts as 64.
  static std::optional<FragmentPlan> make(std::size_t packet_size,
                                          std::size_t datagram_limit = kDefaultDatagramLimit,
                                          Division division = Division::Equal);
  // To be asked before sealing, because the flag "fragmented" is under the seal.
  bool is_fragmented() const { return count_ > 1; }
  unsigned count() const { return count_; }
  // The size of datagram n, its header included.
  std::size_t datagram_size(unsigned n) const;
  // Appends datagram n (0 .. count-1) of the sealed packet this plan was made for.
  void write_datagram(Writer& out, ByteView sealed, unsigned n) const;

 private:
  std::size_t packet_size_ = 0;
  std::size_t head_ = 0;   // packet bytes in datagram 0
  std::size_t piece_ = 0;  // packet bytes in each later one; the last has the rest
  unsigned count_ = 1;
};

}  // namespace ztshim
