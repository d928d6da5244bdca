#include "service/wire/rules.h"

#include <algorithm>
#include <array>

namespace ztshim {
namespace {

constexpr std::uint8_t kNot = 0x80;
constexpr std::uint8_t kOr = 0x40;
constexpr std::uint8_t kTypeMask = 0x3f;

// The operand of `type` from its field; reads past the end leave `in` failed.
RuleOperand read_operand(RuleType type, Reader& in) {
  switch (type) {
    case RuleType::ActionTee:
    case RuleType::ActionWatch:
    case RuleType::ActionRedirect: {
      RuleForward forward;
      forward.target = Address(in.be<std::uint64_t>());
      forward.flags = in.be<std::uint32_t>();
      forward.length = in.be<std::uint16_t>();
      return forward;
    }
    case RuleType::SourceAddress:
    case RuleType::DestinationAddress:
      return RuleNode{Address::read(in)};
    case RuleType::VlanId:
    case RuleType::EtherType:
      return RuleNumber{in.be<std::uint16_t>()};
    case RuleType::VlanPcp:
    case RuleType::VlanDei:
    case RuleType::IpProtocol:
      return RuleNumber{in.be<std::uint8_t>()};
    case RuleType::MacSource:
    case RuleType::MacDestination:
      return RuleMac{MacAddress::read(in)};
    case RuleType::Ipv4Source:
    case RuleType::Ipv4Destination: {
      const IpAddress ip = IpAddress::v4(in.take(4));
      return RuleIp{ip, in.be<std::uint8_t>()};
    }
    case RuleType::Ipv6Source:
    case RuleType::Ipv6Destination: {
      const IpAddress ip = IpAddress::v6(in.take(16));
      return RuleIp{ip, in.be<std::uint8_t>()};
    }
    case RuleType::IpTos: {
      RuleTos tos;
      tos.mask = in.be<std::uint8_t>();
      tos.low = in.be<std::uint8_t>();
      tos.high = in.be<std::uint8_t>();
      return tos;
    }
    case RuleType::Icmp: {
      RuleIcmp icmp;
      icmp.type = in.be<std::uint8_t>();
      icmp.code = in.be<std::uint8_t>();
      icmp.flags = in.be<std::uint8_t>();
      return icmp;
    }
    case RuleType::IpSourcePortRange:
    case RuleType::IpDestinationPortRange:
    case RuleType::FrameSizeRange: {
      RuleRange range;
      range.low = in.be<std::uint16_t>();
      range.high = in.be<std::uint16_t>();
      return range;
    }
    case RuleType::Characteristics:
      return RuleCharacteristics{in.be<std::uint64_t>()};
    case RuleType::Random:
      return RuleProbability{in.be<std::uint32_t>()};
    case RuleType::TagsDifference:
    case RuleType::TagsBitwiseAnd:
    case RuleType::TagsBitwiseOr:
    case RuleType::TagsBitwiseXor:
    case RuleType::TagsEqual:
    case RuleType::TagSender:
    case RuleType::TagReceiver: {
      RuleTag tag;
      tag.id = in.be<std::uint32_t>();
      tag.value = in.be<std::uint32_t>();
      return tag;
    }
    case RuleType::IntegerRange: {
      RuleInteger range;
      range.start = in.be<std::uint64_t>();
      range.span = static_cast<std::uint32_t>(in.be<std::uint64_t>() - range.start);
      range.index = in.be<std::uint16_t>();
      range.format = in.be<std::uint8_t>();
      return range;
    }
    case RuleType::ActionDrop:
    case RuleType::ActionAccept:
    case RuleType::ActionBreak:
    case RuleType::ActionPriority:
      break;
  }
  return std::monostate{};
}

void write_operand(const Rule& rule, Writer& out) {
  switch (rule.type) {
    case RuleType::ActionTee:
    case RuleType::ActionWatch:
    case RuleType::ActionRedirect: {
      const auto forward = rule.as<RuleForward>();
      out.be(forward.target.number()).be(forward.flags).be(forward.length);
      break;
    }
    case RuleType::SourceAddress:
    case RuleType::DestinationAddress:
      rule.as<RuleNode>().address.write(out);
      break;
    case RuleType::VlanId:
    case RuleType::EtherType:
      out.be(rule.as<RuleNumber>().value);
      break;
    case RuleType::VlanPcp:
    case RuleType::VlanDei:
    case RuleType::IpProtocol:
      out.be_bytes(rule.as<RuleNumber>().value, 1);
      break;
    case RuleType::MacSource:
    case RuleType::MacDestination:
      rule.as<RuleMac>().mac.write(out);
      break;
    case RuleType::Ipv4Source:
    case RuleType::Ipv4Destination: {
      const auto match = rule.as<RuleIp>();
      out.be(match.ip.v4_number()).be(match.bits);
      break;
    }
    case RuleType::Ipv6Source:
    case RuleType::Ipv6Destination: {
      const auto match = rule.as<RuleIp>();
      std::array<std::uint8_t, 16> ip{};
      if (match.ip.is_v6()) std::copy_n(match.ip.bytes().begin(), ip.size(), ip.begin());
      out.bytes(ip).be(match.bits);
      break;
    }
    case RuleType::IpTos: {
      const auto tos = rule.as<RuleTos>();
      out.be(tos.mask).be(tos.low).be(tos.high);
      break;
    }
    case RuleType::Icmp: {
      const auto icmp = rule.as<RuleIcmp>();
      out.be(icmp.type).be(icmp.code).be(icmp.flags);
      break;
    }
    case RuleType::IpSourcePortRange:
    case RuleType::IpDestinationPortRange:
    case RuleType::FrameSizeRange: {
      const auto range = rule.as<RuleRange>();
      out.be(range.low).be(range.high);
      break;
    }
    case RuleType::Characteristics:
      out.be(rule.as<RuleCharacteristics>().mask);
      break;
    case RuleType::Random:
      out.be(rule.as<RuleProbability>().value);
      break;
    case RuleType::TagsDifference:
    case RuleType::TagsBitwiseAnd:
    case RuleType::TagsBitwiseOr:
    case RuleType::TagsBitwiseXor:
    case RuleType::TagsEqual:
    case RuleType::TagSender:
    case RuleType::TagReceiver: {
      const auto tag = rule.as<RuleTag>();
      out.be(tag.id).be(tag.value);
      break;
    }
    case RuleType::IntegerRange: {
      const auto range = rule.as<RuleInteger>();
      out.be(range.start).be(range.end()).be(range.index).be(range.format);
      break;
    }
    case RuleType::ActionDrop:
    case RuleType::ActionAccept:
    case RuleType::ActionBreak:
    case RuleType::ActionPriority:
      break;
  }
}

}  // namespace

Result<Rule, ParseError> Rule::read(Reader& in) {
  const auto head = in.be<std::uint8_t>();
  const ByteView field = in.take(in.be<std::uint8_t>());
  if (in.failed()) return failure(ParseError::Truncated);
  Rule rule;
  rule.type = static_cast<RuleType>(head & kTypeMask);
  rule.negated = (head & kNot) != 0;
  rule.is_or = (head & kOr) != 0;
  Reader operand(field);
  rule.operand = read_operand(rule.type, operand);
  if (operand.failed()) return failure(ParseError::BadValue);
  const ByteView surplus = operand.take(operand.remaining());
  rule.surplus.assign(surplus.begin(), surplus.end());
  return rule;
}

void Rule::write(Writer& out) const {
  out.be(static_cast<std::uint8_t>((negated ? kNot : 0) | (is_or ? kOr : 0) |
                                   (static_cast<unsigned>(type) & kTypeMask)));
  const std::size_t length_at = out.size();
  out.be(std::uint8_t{0});
  write_operand(*this, out);
  out.bytes(surplus);
  out.buffer()[length_at] = static_cast<std::uint8_t>(out.size() - length_at - 1);
}

Result<Rules, ParseError> parse_rules(ByteView bytes, std::size_t max_count) {
  Rules rules;
  Reader in(bytes);
  while (!in.at_end()) {
    auto rule = Rule::read(in);
    if (!rule) return failure(rule.error());
    if (rules.size() == max_count) return failure(ParseError::TooMany);
    rules.push_back(std::move(*rule));
  }
  return rules;
}

void write_rules(Writer& out, const Rules& rules) {
  for (const Rule& rule : rules) rule.write(out);
}

std::string_view name_of(RuleType type) {
  switch (type) {
    case RuleType::ActionDrop:
      return "ACTION_DROP";
    case RuleType::ActionAccept:
      return "ACTION_ACCEPT";
    case RuleType::ActionTee:
      return "ACTION_TEE";
    case RuleType::ActionWatch:
      return "ACTION_WATCH";
    case RuleType::ActionRedirect:
      return "ACTION_REDIRECT";
    case RuleType::ActionBreak:
      return "ACTION_BREAK";
    case RuleType::ActionPriority:
      return "ACTION_PRIORITY";
    case RuleType::SourceAddress:
      return "MATCH_SOURCE_ZEROTIER_ADDRESS";
    case RuleType::DestinationAddress:
      return "MATCH_DEST_ZEROTIER_ADDRESS";
    case RuleType::VlanId:
      return "MATCH_VLAN_ID";
    case RuleType::VlanPcp:
      return "MATCH_VLAN_PCP";
    case RuleType::VlanDei:
      return "MATCH_VLAN_DEI";
    case RuleType::MacSource:
      return "MATCH_MAC_SOURCE";
    case RuleType::MacDestination:
      return "MATCH_MAC_DEST";
    case RuleType::Ipv4Source:
      return "MATCH_IPV4_SOURCE";
    case RuleType::Ipv4Destination:
      return "MATCH_IPV4_DEST";
    case RuleType::Ipv6Source:
      return "MATCH_IPV6_SOURCE";
    case RuleType::Ipv6Destination:
      return "MATCH_IPV6_DEST";
    case RuleType::IpTos:
      return "MATCH_IP_TOS";
    case RuleType::IpProtocol:
      return "MATCH_IP_PROTOCOL";
    case RuleType::EtherType:
      return "MATCH_ETHERTYPE";
    case RuleType::Icmp:
      return "MATCH_ICMP";
    case RuleType::IpSourcePortRange:
      return "MATCH_IP_SOURCE_PORT_RANGE";
    case RuleType::IpDestinationPortRange:
      return "MATCH_IP_DEST_PORT_RANGE";
    case RuleType::Characteristics:
      return "MATCH_CHARACTERISTICS";
    case RuleType::FrameSizeRange:
      return "MATCH_FRAME_SIZE_RANGE";
    case RuleType::Random:
      return "MATCH_RANDOM";
    case RuleType::TagsDifference:
      return "MATCH_TAGS_DIFFERENCE";
    case RuleType::TagsBitwiseAnd:
      return "MATCH_TAGS_BITWISE_AND";
    case RuleType::TagsBitwiseOr:
      return "MATCH_TAGS_BITWISE_OR";
    case RuleType::TagsBitwiseXor:
      return "MATCH_TAGS_BITWISE_XOR";
    case RuleType::TagsEqual:
      return "MATCH_TAGS_EQUAL";
    case RuleType::TagSender:
      return "MATCH_TAG_SENDER";
    case RuleType::TagReceiver:
      return "MATCH_TAG_RECEIVER";
    case RuleType::IntegerRange:
      return "INTEGER_RANGE";
  }
  return {};
}

}  // namespace ztshim
