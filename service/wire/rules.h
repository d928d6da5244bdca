// Rule lists: what the controller wants done with frames, as values. Evaluating them is VL2's
// business. Notes: vl2 7.1.
//
//   per rule: 0x80 NOT | 0x40 OR | type (1)   length (1)   operand (length)
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/reader.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/address.h"
#include "service/wire/mac.h"
#include "service/wire/parse_error.h"

namespace ztshim {

// 0..15 are actions, 16..63 matches. Values without a name are kept: they influence evaluation.
enum class RuleType : std::uint8_t {
  ActionDrop = 0,
  ActionAccept = 1,
  ActionTee = 2,
  ActionWatch = 3,
  ActionRedirect = 4,
  ActionBreak = 5,
  ActionPriority = 6,
  SourceAddress = 24,
  DestinationAddress = 25,
  VlanId = 26,
  VlanPcp = 27,
  VlanDei = 28,
  MacSource = 29,
  MacDestination = 30,
  Ipv4Source = 31,
  Ipv4Destination = 32,
  Ipv6Source = 33,
  Ipv6Destination = 34,
  IpTos = 35,
  IpProtocol = 36,
  EtherType = 37,
  Icmp = 38,
  IpSourcePortRange = 39,
  IpDestinationPortRange = 40,
  Characteristics = 41,
  FrameSizeRange = 42,
  Random = 43,
  TagsDifference = 44,
  TagsBitwiseAnd = 45,
  TagsBitwiseOr = 46,
  TagsBitwiseXor = 47,
  TagsEqual = 48,
  TagSender = 49,
  TagReceiver = 50,
  IntegerRange = 51,
};

// "ACTION_DROP", "MATCH_ETHERTYPE", "INTEGER_RANGE": the names of the controller's JSON; empty for
// numbers without a name.
std::string_view name_of(RuleType type);

// One operand type per layout; which rule has which stands beside it.
struct RuleForward {  // TEE, WATCH, REDIRECT
  Address target;
  std::uint32_t flags = 0;
  std::uint16_t length = 0;  // of the copy; 0 = whole frame. Unused in REDIRECT
  bool operator==(const RuleForward&) const = default;
};
struct RuleNode {  // SOURCE_ZEROTIER_ADDRESS, DEST_ZEROTIER_ADDRESS
  Address address;
  bool operator==(const RuleNode&) const = default;
};
struct RuleNumber {  // VLAN_ID, ETHERTYPE (u16); VLAN_PCP, VLAN_DEI, IP_PROTOCOL (u8)
  std::uint16_t value = 0;
  bool operator==(const RuleNumber&) const = default;
};
struct RuleMac {  // MAC_SOURCE, MAC_DEST
  MacAddress mac;
  bool operator==(const RuleMac&) const = default;
};
struct RuleIp {  // IPV4_SOURCE, IPV4_DEST, IPV6_SOURCE, IPV6_DEST
  IpAddress ip;
  std::uint8_t bits = 0;  // as written, also when beyond the family's
  bool operator==(const RuleIp&) const = default;
};
struct RuleTos {  // IP_TOS
  std::uint8_t mask = 0;
  std::uint8_t low = 0;
  std::uint8_t high = 0;
  bool operator==(const RuleTos&) const = default;
};
struct RuleIcmp {  // ICMP
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint8_t flags = 0;
  bool matches_code() const { return (flags & 0x01) != 0; }
  bool operator==(const RuleIcmp&) const = default;
};
struct RuleRange {  // IP_SOURCE_PORT_RANGE, IP_DEST_PORT_RANGE, FRAME_SIZE_RANGE; inclusive
  std::uint16_t low = 0;
  std::uint16_t high = 0;
  bool operator==(const RuleRange&) const = default;
};
struct RuleCharacteristics {  // CHARACTERISTICS
  std::uint64_t mask = 0;
  bool operator==(const RuleCharacteristics&) const = default;
};
struct RuleProbability {  // RANDOM
  std::uint32_t value = 0;
  bool operator==(const RuleProbability&) const = default;
};
struct RuleTag {  // TAGS_*, TAG_SENDER, TAG_RECEIVER
  std::uint32_t id = 0;
  std::uint32_t value = 0;
  bool operator==(const RuleTag&) const = default;
};
struct RuleInteger {  // INTEGER_RANGE
  std::uint64_t start = 0;
  std::uint32_t span =
      0;  // inclusive end = start + span; 32 bits, although the wire has an absolute end
  std::uint16_t index = 0;
  std::uint8_t format = 0;
  unsigned bits() const { return (format & 0x3fU) + 1; }
  bool is_little_endian() const { return (format & 0x80) != 0; }
  std::uint64_t end() const { return start + span; }
  bool operator==(const RuleInteger&) const = default;
};

// monostate: rules without operand and unknown ones.
using RuleOperand =
    std::variant<std::monostate, RuleForward, RuleNode, RuleNumber, RuleMac, RuleIp, RuleTos,
                 RuleIcmp, RuleRange, RuleCharacteristics, RuleProbability, RuleTag, RuleInteger>;

struct Rule {
  RuleType type = RuleType::ActionDrop;
  bool negated = false;  // NOT
  bool is_or = false;    // OR with what stands before, instead of AND
  RuleOperand operand{};
  // What stands in the field behind the operand, and all of an unknown type's field. Without a
  // meaning to us, but covered by the signature of a capability: it is written as it was read. (The
  // reference drops it, and could not pass such a capability on.)
  Bytes surplus{};

  bool is_action() const { return static_cast<std::uint8_t>(type) < 16; }
  // The operand, or a default one when the rule was put together wrongly; never throws.
  template <typename T>
  T as() const {
    const T* held = std::get_if<T>(&operand);
    return held ? *held : T{};
  }

  // Reads one rule. A field longer than its type needs is tolerated, a shorter one is BadValue.
  static Result<Rule, ParseError> read(Reader& in);
  void write(Writer& out) const;
  bool operator==(const Rule&) const = default;
};

using Rules = std::vector<Rule>;

inline constexpr std::size_t kMaxNetworkRules = 1024;

// A rule list to the end of the bytes. Rules beyond `max_count` are TooMany.
Result<Rules, ParseError> parse_rules(ByteView bytes, std::size_t max_count = kMaxNetworkRules);
void write_rules(Writer& out, const Rules& rules);

}  // namespace ztshim
