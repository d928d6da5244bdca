#include "tests/sim/trace.h"

#include <fmt/format.h>

#include "service/wire/fragment.h"
#include "service/wire/packet.h"

namespace ztshim::sim {
namespace {

void stir(std::uint64_t& digest, ByteView bytes) {
  for (const std::uint8_t byte : bytes) digest = (digest ^ byte) * 1099511628211ULL;
}

void stir(std::uint64_t& digest, std::uint64_t number) {
  digest = (digest ^ number) * 1099511628211ULL;
  digest ^= digest >> 32;
}

void stir(std::uint64_t& digest, const Endpoint& endpoint) {
  stir(digest, endpoint.ip.bytes());
  stir(digest, endpoint.port);
}

const char* text_of(Trace::Fate fate) {
  switch (fate) {
    case Trace::Fate::Sent:
    case Trace::Fate::Count:
      return "";
    case Trace::Fate::Lost:
      return " LOST";
    case Trace::Fate::NobodyThere:
      return " NOBODY";
    case Trace::Fate::Expired:
      return " TTL EXPIRED";
    case Trace::Fate::Refused:
      return " REFUSED";
    case Trace::Fate::NoHairpin:
      return " NO HAIRPIN";
    case Trace::Fate::TooLarge:
      return " TOO LARGE";
    case Trace::Fate::Cut:
      return " CUT";
    case Trace::Fate::Asleep:
      return " ASLEEP";
    case Trace::Fate::Swallowed:
      return " SWALLOWED";
  }
  return "";
}

}  // namespace

void Trace::datagram(Time when, const Endpoint& from, const Endpoint& to, ByteView bytes,
                     Fate fate) {
  ++datagrams_;
  record({when, from, to, {}, fate, false, {}}, bytes);
}

void Trace::ended(Time when, const Endpoint& from, const Endpoint& to, ByteView bytes, Fate fate) {
  record({when, from, to, {}, fate, true, {}}, bytes);
}

void Trace::note(Time when, std::string text) {
  record({when, {}, {}, {}, Fate::Sent, true, text}, as_bytes(text));
}

void Trace::record(Line line, ByteView bytes) {
  if (line.note.empty()) ++fates_.at(static_cast<std::size_t>(line.fate));
  stir(digest_, static_cast<std::uint64_t>(line.when.time_since_epoch().count()));
  stir(digest_, line.from);
  stir(digest_, line.to);
  stir(digest_, static_cast<std::uint64_t>(line.fate) << 1 | (line.is_end ? 1U : 0U));
  stir(digest_, bytes);
  line.bytes = to_bytes(bytes);
  lines_.push_back(std::move(line));
  while (lines_.size() > kept_) lines_.pop_front();
}

std::string Trace::describe(ByteView datagram) const {
  if (kind_of_datagram(datagram) == DatagramKind::Fragment) {
    const auto header = FragmentHeader::read(datagram);
    return fmt::format("fragment {}/{} of {} for {} hops {}", header->number, header->total,
                       header->packet.text(), reader_.name_of(header->destination), header->hops);
  }
  const auto packet = reader_.read(datagram);
  if (!packet) return "junk";
  return fmt::format("{} -> {} suite {} hops {} {} id {}", reader_.name_of(packet->source),
                     reader_.name_of(packet->destination), packet->suite, packet->hops,
                     packet->verb_text(), PacketHeader::read(datagram)->id.text());
}

std::string Trace::text(std::uint64_t seed) const {
  std::string all = fmt::format("seed {}\n", seed);
  for (const Line& line : lines_) {
    const auto ms = line.when.time_since_epoch().count();
    if (!line.note.empty()) {
      all += fmt::format("{:>10} ms  {}\n", ms, line.note);
      continue;
    }
    all += fmt::format("{:>10} ms  {}{} => {}  {} ({} bytes){}\n", ms,
                       line.is_end ? "end of: " : "", line.from.text(), line.to.text(),
                       describe(line.bytes), line.bytes.size(), text_of(line.fate));
  }
  return all;
}

}  // namespace ztshim::sim
