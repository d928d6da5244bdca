// How it works. A list is read from left to right. Matches are combined, strictly in that order and
// without precedence, into one bit that starts as true; an action acts when the bit is true, and a
// new set begins after an action whose bit was false. Whatever the list does not decide is a drop,
// unless a capability of the sender allows it.
//
// Four results of a match: yes and no, which NOT turns round, and the hard ones, which it does not:
// "this frame has no such field" must not become a match by negation.
#include "service/vl2/rule_engine.h"

#include <algorithm>

#include "service/wire/managed_ip.h"
#include "service/wire/messages/ext_frame.h"

namespace ztshim::vl2 {

namespace {

enum class Match : std::uint8_t { No, Yes, HardNo, HardYes };

constexpr Match plain(bool yes) { return yes ? Match::Yes : Match::No; }

constexpr std::uint64_t kInbound = 1ULL << 63;
constexpr std::uint64_t kMulticast = 1ULL << 62;
constexpr std::uint64_t kBroadcast = 1ULL << 61;
constexpr std::uint64_t kSenderIpAuthentic = 1ULL << 60;
constexpr std::uint64_t kSenderMacAuthentic = 1ULL << 59;

std::uint8_t byte_at(ByteView bytes, std::size_t offset) {
  return offset < bytes.size() ? bytes[offset] : std::uint8_t{0};
}

// The bits of an IPv6 address that a prefix keeps; the rule's own address is not masked, so host
// bits set there never match (vl2 15.14).
bool matches_ipv6(ByteView address, const RuleIp& rule) {
  const ByteView wanted = rule.ip.bytes();
  for (std::size_t i = 0; i < 16; ++i) {
    const std::size_t first_bit = i * 8;
    const std::size_t kept =
        rule.bits <= first_bit ? 0 : std::min<std::size_t>(rule.bits - first_bit, 8);
    const auto mask = static_cast<std::uint8_t>(0xff00U >> kept);
    if ((address[i] & mask) != wanted[i]) return false;
  }
  return true;
}

bool matches_ipv4(ByteView address, const RuleIp& rule) {
  const unsigned bits = std::min<unsigned>(rule.bits, 32);
  if (bits == 0) return true;
  return (IpAddress::v4(address).v4_number() >> (32 - bits)) ==
         (rule.ip.v4_number() >> (32 - bits));
}

bool in_range(const RuleRange& range, std::size_t value) {
  return range.low <= value && value <= range.high;
}

bool carries_ports(std::uint8_t protocol) {
  return protocol == kProtocolTcp || protocol == kProtocolUdp || protocol == kProtocolSctp ||
         protocol == kProtocolUdpLite;
}

// One evaluation of one list.
class Evaluation {
 public:
  explicit Evaluation(const RuleInput& input)
      : in_(input), frame_(input.frame), p_(input.frame.payload) {}

  RuleOutcome run(const Rules& rules);

 private:
  enum class Step : std::uint8_t { Continue, Decided };
  Step act(const Rule& rule);
  Step forward(const Rule& rule);
  Step decide(RuleResult result) {
    outcome_.result = result;
    return Step::Decided;
  }

  Match match(const Rule& rule);
  Match match_ipv4(const Rule& rule, std::size_t offset) const;
  Match match_ipv6(const Rule& rule, std::size_t offset) const;
  Match match_tos(const RuleTos& rule) const;
  Match match_protocol(std::uint16_t protocol) const;
  Match match_icmp(const RuleIcmp& rule) const;
  Match match_port(const RuleRange& range, std::size_t offset_in_header) const;
  Match match_tags(const Rule& rule);
  Match match_one_tag(const Rule& rule);
  Match match_integer(const RuleInteger& rule) const;

  Match match_characteristics(std::uint64_t mask);
  std::uint64_t characteristics() const;
  std::uint64_t tcp_bits() const;
  bool is_sender_ip_authentic() const;
  bool is_emulated(const IpAddress& ip) const;
  bool sender_owns(const IpAddress& ip) const;
  bool sender_owns(MacAddress mac) const;
  const Tag* own_tag(std::uint32_t id) const;
  const Tag* remote_tag(std::uint32_t id) const {
    return in_.remote == nullptr ? nullptr : in_.remote->tag(id, in_.config);
  }
  Match lenient() {  // what we cannot know yet the receiver will enforce
    skip_drop_ = true;
    return Match::HardYes;
  }

  const RuleInput& in_;
  const EthernetFrame& frame_;
  const ByteView p_;
  bool set_ = true;
  bool skip_drop_ = false;
  bool super_accept_ = false;
  RuleOutcome outcome_;
};

RuleOutcome Evaluation::run(const Rules& rules) {
  for (const Rule& rule : rules) {
    if (rule.is_action()) {
      if (act(rule) == Step::Decided) return outcome_;
      continue;
    }
    if (!set_ && !rule.is_or) continue;
    bool matched = false;
    switch (match(rule)) {
      case Match::No:
        matched = rule.negated;
        break;
      case Match::Yes:
        matched = !rule.negated;
        break;
      case Match::HardNo:
        break;
      case Match::HardYes:
        matched = true;
        break;
    }
    set_ = rule.is_or ? set_ || matched : set_ && matched;
  }
  decide(RuleResult::NoMatch);
  return outcome_;
}

// After an action that took effect and did not end the list the bit stays true (vl2 7.2).
Evaluation::Step Evaluation::act(const Rule& rule) {
  const bool forwards = rule.type == RuleType::ActionTee || rule.type == RuleType::ActionWatch ||
                        rule.type == RuleType::ActionRedirect;
  if (!set_) {
    if (in_.inbound && forwards && rule.as<RuleForward>().target == in_.own) super_accept_ = true;
    set_ = true;
    return Step::Continue;
  }
  if (forwards) return forward(rule);
  if (rule.type == RuleType::ActionDrop) {
    if (!skip_drop_) return decide(RuleResult::Drop);
    skip_drop_ = false;
    return Step::Continue;
  }
  if (rule.type == RuleType::ActionAccept) {
    return decide(super_accept_ ? RuleResult::SuperAccept : RuleResult::Accept);
  }
  if (rule.type == RuleType::ActionPriority) return decide(RuleResult::Accept);
  if (rule.type == RuleType::ActionBreak) return decide(RuleResult::NoMatch);
  return Step::Continue;  // an action of the future
}

Evaluation::Step Evaluation::forward(const Rule& rule) {
  const auto to = rule.as<RuleForward>();
  if (to.target == in_.source) return Step::Continue;
  if (to.target == in_.own) {
    return in_.inbound ? decide(RuleResult::SuperAccept) : Step::Continue;
  }
  if (to.target == in_.destination) return Step::Continue;
  if (rule.type == RuleType::ActionRedirect) {
    outcome_.redirect_to = to.target;
    return decide(RuleResult::Redirect);
  }
  const std::size_t length =
      to.length == 0 ? p_.size() : std::min<std::size_t>(to.length, p_.size());
  outcome_.copy =
      RuleCopy{to.target, static_cast<std::uint16_t>(length), rule.type == RuleType::ActionWatch};
  return Step::Continue;
}

Match Evaluation::match(const Rule& rule) {
  switch (rule.type) {
    case RuleType::SourceAddress:
      return plain(rule.as<RuleNode>().address == in_.source);
    case RuleType::DestinationAddress:
      return plain(rule.as<RuleNode>().address == in_.destination);
    case RuleType::VlanId:  // virtual frames carry no VLAN tag
    case RuleType::VlanPcp:
    case RuleType::VlanDei:
      return plain(rule.as<RuleNumber>().value == 0);
    case RuleType::MacSource:
      return plain(rule.as<RuleMac>().mac == frame_.source);
    case RuleType::MacDestination:
      return plain(rule.as<RuleMac>().mac == frame_.destination);
    case RuleType::Ipv4Source:
      return match_ipv4(rule, 12);
    case RuleType::Ipv4Destination:
      return match_ipv4(rule, 16);
    case RuleType::Ipv6Source:
      return match_ipv6(rule, 8);
    case RuleType::Ipv6Destination:
      return match_ipv6(rule, 24);
    case RuleType::IpTos:
      return match_tos(rule.as<RuleTos>());
    case RuleType::IpProtocol:
      return match_protocol(rule.as<RuleNumber>().value);
    case RuleType::EtherType:
      return plain(rule.as<RuleNumber>().value == frame_.ether_type);
    case RuleType::Icmp:
      return match_icmp(rule.as<RuleIcmp>());
    case RuleType::IpSourcePortRange:
      return match_port(rule.as<RuleRange>(), 0);
    case RuleType::IpDestinationPortRange:
      return match_port(rule.as<RuleRange>(), 2);
    case RuleType::Characteristics:
      return match_characteristics(rule.as<RuleCharacteristics>().mask);
    case RuleType::FrameSizeRange:
      return plain(in_range(rule.as<RuleRange>(), p_.size()));
    case RuleType::Random:
      return plain(static_cast<std::uint32_t>(in_.random.number()) <=
                   rule.as<RuleProbability>().value);
    case RuleType::TagsDifference:
    case RuleType::TagsBitwiseAnd:
    case RuleType::TagsBitwiseOr:
    case RuleType::TagsBitwiseXor:
    case RuleType::TagsEqual:
      return match_tags(rule);
    case RuleType::TagSender:
    case RuleType::TagReceiver:
      return match_one_tag(rule);
    case RuleType::IntegerRange:
      return match_integer(rule.as<RuleInteger>());
    case RuleType::ActionDrop:
    case RuleType::ActionAccept:
    case RuleType::ActionTee:
    case RuleType::ActionWatch:
    case RuleType::ActionRedirect:
    case RuleType::ActionBreak:
    case RuleType::ActionPriority:
      break;  // never come here
  }
  return plain(in_.config.unknown_matches());  // a match of the future
}

Match Evaluation::match_ipv4(const Rule& rule, std::size_t offset) const {
  if (!frame_.is_ipv4()) return Match::HardNo;
  return plain(matches_ipv4(p_.subspan(offset, 4), rule.as<RuleIp>()));
}

Match Evaluation::match_ipv6(const Rule& rule, std::size_t offset) const {
  const auto wanted = rule.as<RuleIp>();
  if (!frame_.is_ipv6() || !wanted.ip.is_v6()) return Match::HardNo;
  return plain(matches_ipv6(p_.subspan(offset, 16), wanted));
}

Match Evaluation::match_tos(const RuleTos& rule) const {
  unsigned tos = 0;
  if (frame_.is_ipv4()) {
    tos = p_[1];
  } else if (frame_.is_ipv6()) {
    tos = (static_cast<unsigned>(p_[0]) << 4 & 0xf0U) | static_cast<unsigned>(p_[1]) >> 4;
  } else {
    return Match::HardNo;
  }
  tos &= rule.mask;
  return plain(rule.low <= tos && tos <= rule.high);
}

Match Evaluation::match_protocol(std::uint16_t protocol) const {
  if (frame_.is_ipv4()) return plain(p_[9] == protocol);
  if (frame_.ether_type != kEtherIpv6) return Match::HardNo;
  const auto content = ipv6_content(p_);
  return content ? plain(content->protocol == protocol) : Match::HardNo;
}

Match Evaluation::match_icmp(const RuleIcmp& rule) const {
  std::size_t offset = 0;
  if (frame_.is_ipv4()) {
    const IpContent content = ipv4_content(p_);
    if (content.protocol != kProtocolIcmp) return Match::HardNo;
    offset = content.offset;
  } else if (frame_.ether_type == kEtherIpv6) {
    const auto content = ipv6_content(p_);
    if (!content || content->protocol != kProtocolIcmpv6) return Match::HardNo;
    offset = content->offset;
  } else {
    return Match::HardNo;
  }
  if (offset + 2 > p_.size() || p_[offset] != rule.type) return Match::HardNo;
  return rule.matches_code() ? plain(p_[offset + 1] == rule.code) : Match::HardYes;
}

Match Evaluation::match_port(const RuleRange& range, std::size_t offset_in_header) const {
  if (frame_.is_ipv4()) {
    const IpContent content = ipv4_content(p_);
    if (!carries_ports(content.protocol) || p_.size() <= content.offset + 4) return Match::No;
    return plain(in_range(range, be16_at(p_, content.offset + offset_in_header)));
  }
  if (frame_.ether_type != kEtherIpv6) return Match::HardNo;
  const auto content = ipv6_content(p_);
  if (!content) return Match::HardNo;
  if (!carries_ports(content->protocol) || p_.size() <= content->offset + 4) return Match::No;
  const std::uint16_t port = be16_at(p_, content->offset + offset_in_header);
  return plain(port != 0 && in_range(range, port));
}

Match Evaluation::match_tags(const Rule& rule) {
  const auto wanted = rule.as<RuleTag>();
  const Tag* own = own_tag(wanted.id);
  if (own == nullptr) return Match::HardNo;
  const Tag* remote = remote_tag(wanted.id);
  if (remote == nullptr) {
    return in_.inbound && !super_accept_ ? Match::HardNo : lenient();
  }
  const std::uint32_t a = own->value;
  const std::uint32_t b = remote->value;
  if (rule.type == RuleType::TagsDifference) return plain((a > b ? a - b : b - a) <= wanted.value);
  if (rule.type == RuleType::TagsBitwiseAnd) return plain((a & b) == wanted.value);
  if (rule.type == RuleType::TagsBitwiseOr) return plain((a | b) == wanted.value);
  if (rule.type == RuleType::TagsBitwiseXor) return plain((a ^ b) == wanted.value);
  return plain(a == wanted.value && b == wanted.value);
}

Match Evaluation::match_one_tag(const Rule& rule) {
  if (super_accept_) return lenient();
  const auto wanted = rule.as<RuleTag>();
  const bool of_sender = rule.type == RuleType::TagSender;
  if (of_sender == in_.inbound) {  // the other node's
    const Tag* remote = remote_tag(wanted.id);
    if (remote != nullptr) return plain(remote->value == wanted.value);
    return of_sender ? Match::HardNo : lenient();
  }
  const Tag* own = own_tag(wanted.id);
  return own == nullptr ? Match::HardNo : plain(own->value == wanted.value);
}

// Fields outside of the frame read as 0. Big-endian ones end eight bytes behind the index, however
// wide they are (vl2 7.3).
Match Evaluation::match_integer(const RuleInteger& rule) const {
  const std::size_t bits = rule.bits();
  const std::size_t bytes = (bits + 7) / 8;
  const std::size_t index = rule.index;
  std::uint64_t value = 0;
  if (rule.is_little_endian()) {
    if (index + bytes <= p_.size()) {
      for (std::size_t i = bytes; i-- > 0;) value = value << 8 | p_[index + i];
      value = value << (64 - 8 * bytes) >> (64 - bits);
    }
  } else if (index + 8 <= p_.size()) {
    for (std::size_t i = 8 - bytes; i < 8; ++i) value = value << 8 | p_[index + i];
    if (bits < 64) value &= (1ULL << bits) - 1;
  }
  return plain(rule.start <= value && value <= rule.end());
}

Match Evaluation::match_characteristics(std::uint64_t mask) {
  const bool matched = (characteristics() & mask) != 0;
  if (!matched && (mask & (kSenderIpAuthentic | kSenderMacAuthentic)) != 0) {
    outcome_.unproven_sender = true;
  }
  return plain(matched);
}

std::uint64_t Evaluation::characteristics() const {
  std::uint64_t bits = tcp_bits();
  if (in_.inbound) bits |= kInbound;
  if (frame_.destination.is_multicast()) bits |= kMulticast;
  if (frame_.destination.is_broadcast()) bits |= kBroadcast;
  if (is_sender_ip_authentic()) bits |= kSenderIpAuthentic;
  if (sender_owns(frame_.source)) bits |= kSenderMacAuthentic;
  return bits;
}

std::uint64_t Evaluation::tcp_bits() const {
  std::size_t offset = 0;
  if (frame_.is_ipv4()) {
    const IpContent content = ipv4_content(p_);
    if (content.protocol != kProtocolTcp) return 0;
    offset = content.offset;
  } else if (frame_.ether_type == kEtherIpv6) {
    const auto content = ipv6_content(p_);
    if (!content || content->protocol != kProtocolTcp || p_.size() <= content->offset + 14)
      return 0;
    offset = content->offset;
  } else {
    return 0;
  }
  return static_cast<std::uint64_t>(byte_at(p_, offset + 12) & 0x0f) << 8 |
         byte_at(p_, offset + 13);
}

bool Evaluation::is_sender_ip_authentic() const {
  if (frame_.is_ipv4()) return sender_owns(IpAddress::v4(p_.subspan(12, 4)));
  if (frame_.ether_type == kEtherArp && p_.size() >= 28) {
    return sender_owns(IpAddress::v4(p_.subspan(14, 4)));
  }
  if (!frame_.is_ipv6()) return false;
  std::size_t offset = 8;
  if (p_[6] == kProtocolIcmpv6 && p_.size() >= 64) {
    if (p_[40] == kNeighborSolicitation) return true;
    if (p_[40] == kNeighborAdvertisement) offset = 48;
  }
  const IpAddress ip = IpAddress::v6(p_.subspan(offset, 16));
  return sender_owns(ip) || (in_.inbound && is_emulated(ip));
}

// Addresses that name their member need no certificate, on networks that emulate NDP for them:
// those of our own 6PLANE /40 and RFC4193 /88.
bool Evaluation::is_emulated(const IpAddress& ip) const {
  if (!in_.config.has_ndp_emulation()) return false;
  const auto& own = in_.config.managed_addresses;
  return std::any_of(own.begin(), own.end(), [&](const IpPrefix& a) {
    const IpPrefix six_plane = six_plane_address(in_.config.network, in_.own);
    const IpPrefix rfc4193 = rfc4193_address(in_.config.network, in_.own);
    return (a.ip == six_plane.ip && six_plane.contains(ip)) ||
           (a.ip == rfc4193.ip && rfc4193.contains(ip));
  });
}

template <typename T>
bool config_owns(const NetworkConfig& config, const T& thing) {
  return std::any_of(config.ownerships.begin(), config.ownerships.end(),
                     [&](const Ownership& o) { return o.owns(thing); });
}

// Our own certificates count without regard to their age (vl2 7.6).
bool Evaluation::sender_owns(const IpAddress& ip) const {
  if (!in_.inbound) return config_owns(in_.config, ip);
  return in_.remote != nullptr && in_.remote->owns(ip, in_.config);
}

bool Evaluation::sender_owns(MacAddress mac) const {
  if (!in_.inbound) return config_owns(in_.config, mac);
  return in_.remote != nullptr && in_.remote->owns(mac, in_.config);
}

const Tag* Evaluation::own_tag(std::uint32_t id) const {
  const auto& tags = in_.config.tags;
  const auto found =
      std::lower_bound(tags.begin(), tags.end(), id,
                       [](const Tag& tag, std::uint32_t wanted) { return tag.id < wanted; });
  return found == tags.end() || found->id != id ? nullptr : &*found;
}

FilterDecision::Verdict verdict_of(RuleResult result) {
  switch (result) {
    case RuleResult::Redirect:
      return FilterDecision::Verdict::Redirect;
    case RuleResult::Accept:
      return FilterDecision::Verdict::Accept;
    case RuleResult::SuperAccept:
      return FilterDecision::Verdict::SuperAccept;
    case RuleResult::NoMatch:
    case RuleResult::Drop:
      break;
  }
  return FilterDecision::Verdict::Drop;
}

// Takes over an outcome that lets the frame pass, or only its copy.
void adopt(FilterDecision& decision, const RuleOutcome& outcome) {
  if (outcome.copy) decision.copies[decision.copy_count++] = *outcome.copy;
  decision.verdict = verdict_of(outcome.result);
  decision.redirect_to = outcome.redirect_to;
}

}  // namespace

RuleOutcome evaluate_rules(const Rules& rules, const RuleInput& input) {
  return Evaluation(input).run(rules);
}

std::uint8_t copy_flags(bool inbound, bool watch) {
  if (inbound) return watch ? ExtFrame::kInboundWatch : ExtFrame::kInboundTee;
  return watch ? ExtFrame::kOutboundWatch : ExtFrame::kOutboundTee;
}

std::uint8_t redirect_flags(bool inbound) {
  return inbound ? ExtFrame::kInboundRedirect : ExtFrame::kOutboundRedirect;
}

FilterDecision filter(const RuleInput& input) {
  FilterDecision decision;
  const RuleOutcome base = evaluate_rules(input.config.rules, input);
  const auto drop = [](bool unproven_sender) {
    FilterDecision dropped;
    dropped.unproven_sender = unproven_sender;
    return dropped;
  };
  if (base.result == RuleResult::Drop) return drop(base.unproven_sender);
  adopt(decision, base);
  if (base.result != RuleResult::NoMatch) return decision;

  // The sender's capabilities: our own in ascending order of their ids, another's while in force.
  bool unproven_sender = base.unproven_sender;
  if (input.inbound && input.remote == nullptr) return drop(unproven_sender);
  const auto& capabilities =
      input.inbound ? input.remote->capabilities() : input.config.capabilities;
  for (const Capability& capability : capabilities) {
    if (input.inbound && !input.remote->is_in_force(capability, input.config)) continue;
    const RuleOutcome outcome = evaluate_rules(capability.rules, input);
    if (outcome.result == RuleResult::NoMatch || outcome.result == RuleResult::Drop) {
      unproven_sender = unproven_sender || outcome.unproven_sender;
      continue;
    }
    adopt(decision, outcome);
    return decision;
  }
  return drop(unproven_sender);
}

}  // namespace ztshim::vl2
