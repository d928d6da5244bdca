// Puts packets together from their datagrams. Nothing in a fragment is authenticated, so all of
// this is bounded: in time, in entries, in entries per source, and in bytes. Notes:
// vl1-packets 3.2.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/time.h"
#include "service/vl1/constants.h"
#include "service/vl1/path.h"
#include "service/wire/fragment.h"

namespace ztshim::vl1 {

// An incomplete packet is known by its ID and by where it comes from: a third party who guesses or
// overhears the ID cannot add pieces to it from elsewhere.
class Defragmenter {
 public:
  // The head of a packet that continues in fragments, or one of them (header included). When that
  // completes a packet the whole of it is returned; the bytes stay until the next call.
  std::optional<MutableBytes> add_head(Time now, const Arrival& from, ByteView datagram);
  std::optional<MutableBytes> add_fragment(Time now, const Arrival& from, ByteView datagram);

  std::size_t incomplete() const { return entries_.size(); }

 private:
  struct Piece {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    bool present = false;
  };
  struct Entry {
    PacketId id;
    PathKey from;
    Time since = kLongAgo;
    unsigned total = 0;  // 0 until a fragment has told
    unsigned have = 0;
    std::array<Piece, kMaxDatagrams> pieces{};
    Bytes bytes;  // in order of arrival
  };

  std::optional<MutableBytes> add(Time now, const Arrival& from, PacketId id, unsigned total,
                                  unsigned number, ByteView data);
  Entry* find(PacketId id, const PathKey& from);
  Entry& create(Time now, PacketId id, const PathKey& from);
  void drop(std::size_t index);
  std::optional<MutableBytes> assemble(Entry& entry);

  std::vector<Entry> entries_;
  std::vector<Bytes>
      spare_;  // buffers of finished packets, so that the steady state allocates none
  Bytes whole_;
};

}  // namespace ztshim::vl1
