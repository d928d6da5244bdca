#include "service/vl1/defragment.h"

#include <algorithm>

namespace ztshim::vl1 {

std::optional<MutableBytes> Defragmenter::add_head(Time now, const Arrival& from,
                                                   ByteView datagram) {
  return add(now, from, packet_id_of(datagram), 0, 0, datagram);
}

std::optional<MutableBytes> Defragmenter::add_fragment(Time now, const Arrival& from,
                                                       ByteView datagram) {
  const auto header = FragmentHeader::read(datagram);
  if (!header || !header->is_receivable() || datagram.size() <= kFragmentHeaderSize) {
    return std::nullopt;
  }
  return add(now, from, header->packet, header->total, header->number,
             datagram.subspan(kFragmentHeaderSize));
}

std::optional<MutableBytes> Defragmenter::add(Time now, const Arrival& from, PacketId id,
                                              unsigned total, unsigned number, ByteView data) {
  const PathKey source(from);
  Entry* known = find(id, source);
  if (known != nullptr && now - known->since >= kReassemblyTime) {
    drop(static_cast<std::size_t>(known - entries_.data()));
    known = nullptr;
  }
  Entry& entry = known != nullptr ? *known : create(now, id, source);
  if (entry.pieces[number].present) return std::nullopt;
  if (total != 0 && entry.total != 0 && total != entry.total) return std::nullopt;
  if (entry.bytes.size() + data.size() > kMaxPacketSize) {
    drop(static_cast<std::size_t>(&entry - entries_.data()));
    return std::nullopt;
  }
  if (total != 0) entry.total = total;
  entry.pieces[number] = {static_cast<std::uint32_t>(entry.bytes.size()),
                          static_cast<std::uint32_t>(data.size()), true};
  append(entry.bytes, data);
  ++entry.have;
  if (entry.total == 0 || entry.have < entry.total) return std::nullopt;
  return assemble(entry);
}

std::optional<MutableBytes> Defragmenter::assemble(Entry& entry) {
  bool in_order = true;
  bool complete = true;
  std::uint32_t expected = 0;
  for (unsigned n = 0; n < entry.total; ++n) {
    complete = complete && entry.pieces[n].present;
    in_order = in_order && entry.pieces[n].offset == expected;
    expected += entry.pieces[n].size;
  }
  // A piece numbered beyond the total that arrived first: the pieces contradict each other.
  if (complete && in_order) {
    whole_.swap(entry.bytes);
  } else if (complete) {
    whole_.clear();
    for (unsigned n = 0; n < entry.total; ++n) {
      const Piece& piece = entry.pieces[n];
      append(whole_, ByteView(entry.bytes).subspan(piece.offset, piece.size));
    }
  }
  drop(static_cast<std::size_t>(&entry - entries_.data()));
  if (!complete) return std::nullopt;
  return MutableBytes(whole_);
}

Defragmenter::Entry* Defragmenter::find(PacketId id, const PathKey& from) {
  for (Entry& entry : entries_) {
    if (entry.id == id && entry.from == from) return &entry;
  }
  return nullptr;
}

Defragmenter::Entry& Defragmenter::create(Time now, PacketId id, const PathKey& from) {
  for (std::size_t i = entries_.size(); i-- > 0;) {
    if (now - entries_[i].since >= kReassemblyTime) drop(i);
  }
  // The oldest gives way: first of this source, when it holds its share, else of all.
  const auto of_source = [&](const Entry& e) { return e.from == from; };
  const auto held = std::count_if(entries_.begin(), entries_.end(), of_source);
  const bool greedy = held >= static_cast<std::ptrdiff_t>(kIncompletePerSource);
  if (greedy || entries_.size() >= kIncompletePackets) {
    std::size_t oldest = entries_.size();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (greedy && !of_source(entries_[i])) continue;
      if (oldest == entries_.size() || entries_[i].since < entries_[oldest].since) oldest = i;
    }
    drop(oldest);
  }
  Entry& entry = entries_.emplace_back();
  entry.id = id;
  entry.from = from;
  entry.since = now;
  if (!spare_.empty()) {
    entry.bytes.swap(spare_.back());
    spare_.pop_back();
  }
  return entry;
}

void Defragmenter::drop(std::size_t index) {
  constexpr std::size_t kSpareBuffers = 4;
  Entry& entry = entries_[index];
  entry.bytes.clear();
  if (spare_.size() < kSpareBuffers) spare_.push_back(std::move(entry.bytes));
  if (index + 1 != entries_.size()) entry = std::move(entries_.back());
  entries_.pop_back();
}

}  // namespace ztshim::vl1
