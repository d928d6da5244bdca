#include "service/vl1/expected_replies.h"

#include <algorithm>

#include "service/vl1/constants.h"

namespace ztshim::vl1 {
namespace {

constexpr std::size_t kWays = 8;

std::size_t set_of(PacketId id, std::size_t entries) {
  return static_cast<std::size_t>(id.number() >> 32) % (entries / kWays) * kWays;
}

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
  const bool per_frame = is_per_frame(verb);
  Table& table = per_frame ? per_frame_ : requests_;
  if (table.empty()) table.resize(kFewestExpectedReplies);
  if (!per_frame && now - oldest_of_set(table, id).when < kReplyUnderWay &&
      table.size() < kMostExpectedReplies) {
    grow(table, now);
  }
  oldest_of_set(table, id) = {id, to.number() << 8 | static_cast<std::uint8_t>(verb), now, where};
}

ExpectedReplies::Entry& ExpectedReplies::oldest_of_set(Table& table, PacketId id) {
  Entry* const first = &table[set_of(id, table.size())];
  return *std::min_element(first, first + kWays,
                           [](const Entry& a, const Entry& b) { return a.when < b.when; });
}

void ExpectedReplies::grow(Table& table, Time now) {
  Table larger(2 * table.size());
  for (const Entry& entry : table) {
    if (now - entry.when <= kExpectedReplyTime) oldest_of_set(larger, entry.id) = entry;
  }
  table.swap(larger);
}

const ExpectedReplies::Entry* ExpectedReplies::find(const Table& table, PacketId id) {
  if (table.empty()) return nullptr;
  const Entry* const first = &table[set_of(id, table.size())];
  const Entry* const found =
      std::find_if(first, first + kWays, [&](const Entry& entry) { return entry.id == id; });
  return found == first + kWays ? nullptr : found;
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
