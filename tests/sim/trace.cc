#include "tests/sim/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "service/wire/fragment.h"
#include "service/wire/packet.h"

namespace ztshim::sim {
namespace {

constexpr std::size_t kKeptLines = 4000;

void stir(std::uint64_t& digest, ByteView bytes) {
  for (const std::uint8_t byte : bytes) digest = (digest ^ byte) * 1099511628211ULL;
}

std::string verb_text(std::uint8_t verb_byte) {
  const auto verb = static_cast<Verb>(verb_byte & 0x1f);
  return std::string(ztshim::name_of(verb));
}

}  // namespace

void Trace::introduce(const std::string& name, const Identity& identity) {
  parties_.insert_or_assign(identity.address(), std::pair(name, identity));
}

void Trace::datagram(Time when, const Endpoint& from, const Endpoint& to, ByteView bytes,
                     Fate fate) {
  ++datagrams_;
  const std::string label = fmt::format("{} {} {} {}", when.time_since_epoch().count(), from.text(),
                                        to.text(), static_cast<int>(fate));
  stir(digest_, as_bytes(label));
  stir(digest_, bytes);
  keep({when, from, to, to_bytes(bytes), fate, {}});
}

void Trace::note(Time when, std::string text) {
  keep({when, {}, {}, {}, Fate::Sent, std::move(text)});
}

void Trace::keep(Line line) {
  lines_.push_back(std::move(line));
  if (lines_.size() > kKeptLines) lines_.pop_front();
}

std::string Trace::name_of(Address address) const {
  const auto known = parties_.find(address);
  return known == parties_.end() ? address.text() : known->second.first;
}

std::string Trace::describe(ByteView datagram) const {
  switch (kind_of_datagram(datagram)) {
    case DatagramKind::Nothing:
    case DatagramKind::Beacon:
      return "junk";
    case DatagramKind::Fragment: {
      const auto header = FragmentHeader::read(datagram);
      return fmt::format("fragment {}/{} of {} for {} hops {}", header->number, header->total,
                         header->packet.text(), name_of(header->destination), header->hops);
    }
    case DatagramKind::Packet:
      break;
  }
  const auto header = PacketHeader::read(datagram);
  std::string content = header->is_fragmented() ? "head" : "?";
  const auto source = parties_.find(header->source);
  const auto destination = parties_.find(header->destination);
  if (source != parties_.end() && destination != parties_.end() && !header->is_fragmented()) {
    const auto key = source->second.second.agree(destination->second.second);
    Bytes copy = to_bytes(datagram);
    if (key && PacketKeys(*key).open(copy)) {
      content = verb_text(copy[kVerbOffset]);
      const bool names_another = content == "OK" || content == "ERROR";
      if (names_another && copy.size() > kPacketHeaderSize) {
        content += "(" + verb_text(copy[kPacketHeaderSize]) + ")";
      }
    } else {
      content = "not authentic";
    }
  }
  return fmt::format("{} -> {} suite {} hops {} {} id {}", name_of(header->source),
                     name_of(header->destination), static_cast<int>(header->suite()),
                     header->hops(), content, header->id.text());
}

std::string Trace::text(std::uint64_t seed) const {
  std::string all = fmt::format("seed {}\n", seed);
  for (const Line& line : lines_) {
    const auto ms = line.when.time_since_epoch().count();
    if (!line.note.empty()) {
      all += fmt::format("{:>10} ms  {}\n", ms, line.note);
      continue;
    }
    const char* fate = line.fate == Fate::Sent ? "" : line.fate == Fate::Lost ? " LOST" : " NOBODY";
    all += fmt::format("{:>10} ms  {} => {}  {} ({} bytes){}\n", ms, line.from.text(),
                       line.to.text(), describe(line.bytes), line.bytes.size(), fate);
  }
  return all;
}

}  // namespace ztshim::sim
