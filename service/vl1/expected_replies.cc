#include "service/vl1/expected_replies.h"

#include "service/vl1/constants.h"

namespace ztshim::vl1 {
namespace {

// The same capacity for both kinds: 512 requests in kExpectedReplyTime is more than a node has
// open; of answers to frames only the latest matter.
constexpr std::size_t kSets = 64;
constexpr std::size_t kWays = 8;

std::size_t set_of(PacketId id) { return static_cast<std::size_t>(id.number() >> 32) % kSets; }

bool is_per_frame(Verb verb) { return verb == Verb::ExtFrame || verb == Verb::MulticastFrame; }

}  // namespace

bool ExpectedReplies::may_be_answered(Verb verb) {
  switch (verb) {
    case Verb::Hello:
    case Verb::Whois:
    case Verb::Echo:
    case Verb::ExtFrame:
    case Verb::NetworkConfigRequest:
    case Verb::NetworkConfig:
    case Verb::MulticastGather:
    case Verb::MulticastFrame:
      return true;
    case Verb::Nop:
    case Verb::Error:
    case Verb::Ok:
    case Verb::Rendezvous:
    case Verb::Frame:
    case Verb::MulticastLike:
    case Verb::NetworkCredentials:
    case Verb::PushDirectPaths:
    case Verb::Ack:
    case Verb::QosMeasurement:
    case Verb::UserMessage:
    case Verb::RemoteTrace:
    case Verb::PathNegotiationRequest:
      return false;
  }
  return false;
}

void ExpectedReplies::expect(PacketId id, Address to, Verb verb, const Endpoint& where, Time now) {
  Table& table = is_per_frame(verb) ? per_frame_ : requests_;
  if (table.entries.empty()) {
    table.entries.resize(kSets * kWays);
    table.next.resize(kSets);
  }
  const std::size_t set = set_of(id);
  std::uint8_t& way = table.next[set];
  table.entries[set * kWays + way] = {id, to.number() << 8 | static_cast<std::uint8_t>(verb), now,
                                      where};
  way = static_cast<std::uint8_t>((way + 1) % kWays);
}

const ExpectedReplies::Entry* ExpectedReplies::find(const Table& table, PacketId id) const {
  if (table.entries.empty()) return nullptr;
  const std::size_t first = set_of(id) * kWays;
  for (std::size_t i = first; i < first + kWays; ++i) {
    if (table.entries[i].id == id) return &table.entries[i];
  }
  return nullptr;
}

std::optional<ExpectedReplies::Sent> ExpectedReplies::match(PacketId id, Address from,
                                                            Time now) const {
  const Entry* entry = find(requests_, id);
  if (entry == nullptr) entry = find(per_frame_, id);
  if (entry == nullptr || entry->to_and_verb >> 8 != from.number()) return std::nullopt;
  if (now - entry->when > kExpectedReplyTime) return std::nullopt;
  return Sent{static_cast<Verb>(entry->to_and_verb & 0xff), entry->when, entry->where};
}

}  // namespace ztshim::vl1
