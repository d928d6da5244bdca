#include "tests/unit/vl2/rule_oracle.h"

#include <map>
#include <string>

#include "service/wire/managed_ip.h"

namespace ztshim::vl2 {

namespace {

using Number = unsigned long long;

// A frame as a map of what it has: questions about missing fields are answered by absence.
struct Facts {
  std::optional<Number> v4_source, v4_destination;
  std::optional<std::string> v6_source, v6_destination;
  std::optional<Number> tos;
  std::optional<Number> protocol;
  bool is_ip4 = false, is_ip6 = false, v6_walk_ok = false;
  std::optional<std::pair<Number, Number>> icmp;
  std::optional<Number> source_port, destination_port;
  Number characteristics = 0;
};

std::string hex(ByteView bytes) { return to_hex(bytes); }

Number number_at(const std::string& h, std::size_t offset, std::size_t count) {
  Number value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value =
        value * 256 + static_cast<Number>(std::stoul(h.substr((offset + i) * 2, 2), nullptr, 16));
  }
  return value;
}

bool ports(Number protocol) {
  return protocol == 6 || protocol == 17 || protocol == 132 || protocol == 136;
}

template <typename Thing>
bool authentic(const RuleInput& in, const Thing& thing) {
  if (in.inbound) return in.remote != nullptr && in.remote->owns(thing, in.config);
  for (const Ownership& ownership : in.config.ownerships) {
    if (ownership.owns(thing)) return true;
  }
  return false;
}

bool emulated(const RuleInput& in, const IpAddress& ip) {
  if (!in.inbound || (in.config.flags & 4) == 0) return false;
  for (const IpPrefix& own : in.config.managed_addresses) {
    if (own == six_plane_address(in.config.network, in.own) &&
        member_of_six_plane(in.config.network, ip)) {
      return true;
    }
    if (own == rfc4193_address(in.config.network, in.own) &&
        member_of_rfc4193(in.config.network, ip)) {
      return true;
    }
  }
  return false;
}

Facts facts_of(const RuleInput& in) {
  Facts f;
  const std::string h = hex(in.frame.payload);
  const std::size_t length = in.frame.payload.size();
  const bool ether4 = in.frame.ether_type == 0x0800;
  const bool ether6 = in.frame.ether_type == 0x86dd;
  std::size_t content = 0;
  std::optional<IpAddress> sender;
  bool sender_trusted = false;
  if (ether4 && length >= 20) {
    f.is_ip4 = true;
    f.v4_source = number_at(h, 12, 4);
    f.v4_destination = number_at(h, 16, 4);
    f.tos = number_at(h, 1, 1);
    f.protocol = number_at(h, 9, 1);
    content = static_cast<std::size_t>(number_at(h, 0, 1) % 16 * 4);
    sender = IpAddress::v4(in.frame.payload.subspan(12, 4));
    if (*f.protocol == 1 && length >= content + 2) {
      f.icmp = {number_at(h, content, 1), number_at(h, content + 1, 1)};
    }
  }
  if (ether6) f.is_ip6 = true;
  if (ether6 && length >= 40) {
    f.v6_source = h.substr(16, 32);
    f.v6_destination = h.substr(48, 32);
    f.tos = number_at(h, 0, 1) % 16 * 16 + number_at(h, 1, 1) / 16;
    sender = IpAddress::v6(in.frame.payload.subspan(8, 16));
    if (number_at(h, 6, 1) == 58 && length >= 64) {
      if (number_at(h, 40, 1) == 0x87) sender_trusted = true;
      if (number_at(h, 40, 1) == 0x88) sender = IpAddress::v6(in.frame.payload.subspan(48, 16));
    }
    Number next = number_at(h, 6, 1);
    content = 40;
    f.v6_walk_ok = true;
    while (f.v6_walk_ok && (next == 0 || next == 43 || next == 60 || next == 135)) {
      if (length < content + 8) {
        f.v6_walk_ok = false;
        break;
      }
      next = number_at(h, content, 1);
      content += static_cast<std::size_t>(number_at(h, content + 1, 1) * 8 + 8);
      if (content > length) f.v6_walk_ok = false;
    }
    if (f.v6_walk_ok) {
      f.protocol = next;
      if (next == 58 && length >= content + 2) {
        f.icmp = {number_at(h, content, 1), number_at(h, content + 1, 1)};
      }
    }
  }
  if (f.protocol && ports(*f.protocol) && length > content + 4) {
    f.source_port = number_at(h, content, 2);
    f.destination_port = number_at(h, content + 2, 2);
    if (f.is_ip6 && *f.source_port == 0) f.source_port.reset();
    if (f.is_ip6 && *f.destination_port == 0) f.destination_port.reset();
  }
  if (f.protocol && *f.protocol == 6) {
    const bool enough = f.is_ip4 || length > content + 14;
    if (enough && length > content + 12) {
      f.characteristics |= number_at(h, content + 12, 1) % 16 << 8;
    }
    if (enough && length > content + 13) f.characteristics |= number_at(h, content + 13, 1);
  }
  if (in.frame.ether_type == 0x0806 && length >= 28) {
    sender = IpAddress::v4(in.frame.payload.subspan(14, 4));
  }
  if (in.inbound) f.characteristics |= 0x8000000000000000;
  const Number first = in.frame.destination.number() >> 40;
  if (first % 2 == 1) f.characteristics |= 0x4000000000000000;
  if (in.frame.destination.number() == 0xffffffffffff) f.characteristics |= 0x2000000000000000;
  if (sender_trusted || (sender && authentic(in, *sender)) ||
      (sender && sender->is_v6() && emulated(in, *sender))) {
    f.characteristics |= 0x1000000000000000;
  }
  if (authentic(in, in.frame.source)) f.characteristics |= 0x0800000000000000;
  return f;
}

// 0, 1: ordinary; 10, 11: hard.
int judge(const Rule& rule, const RuleInput& in, const Facts& f, bool super, int& skip) {
  const auto between = [](Number low, Number x, Number high) { return low <= x && x <= high; };
  switch (static_cast<int>(rule.type)) {
    case 24:
      return rule.as<RuleNode>().address == in.source;
    case 25:
      return rule.as<RuleNode>().address == in.destination;
    case 26:
    case 27:
    case 28:
      return rule.as<RuleNumber>().value == 0;
    case 29:
      return rule.as<RuleMac>().mac == in.frame.source;
    case 30:
      return rule.as<RuleMac>().mac == in.frame.destination;
    case 31:
    case 32: {
      const auto field = static_cast<int>(rule.type) == 31 ? f.v4_source : f.v4_destination;
      if (!field) return 10;
      const auto wanted = rule.as<RuleIp>();
      Number range = 1;
      for (int i = 0; i < 32 - wanted.bits; ++i) range *= 2;
      return *field / range == wanted.ip.v4_number() / range;
    }
    case 33:
    case 34: {
      const auto field = static_cast<int>(rule.type) == 33 ? f.v6_source : f.v6_destination;
      if (!field) return 10;
      const auto wanted = rule.as<RuleIp>();
      const IpAddress address = IpAddress::v6(*from_hex(*field));
      return IpPrefix{address, wanted.bits}.network() == wanted.ip;
    }
    case 35: {
      if (!f.tos) return 10;
      const auto wanted = rule.as<RuleTos>();
      return between(wanted.low, *f.tos & wanted.mask, wanted.high);
    }
    case 36:
      return f.protocol ? *f.protocol == rule.as<RuleNumber>().value : 10;
    case 37:
      return rule.as<RuleNumber>().value == in.frame.ether_type;
    case 38: {
      const auto wanted = rule.as<RuleIcmp>();
      if (!f.icmp || f.icmp->first != wanted.type) return 10;
      return wanted.flags % 2 == 1 ? f.icmp->second == wanted.code : 11;
    }
    case 39:
    case 40: {
      if (!f.is_ip4 && !(f.is_ip6 && f.v6_walk_ok)) return 10;
      const auto port = static_cast<int>(rule.type) == 39 ? f.source_port : f.destination_port;
      const auto wanted = rule.as<RuleRange>();
      return port && between(wanted.low, *port, wanted.high);
    }
    case 41:
      return (f.characteristics & rule.as<RuleCharacteristics>().mask) != 0;
    case 42:
      return between(rule.as<RuleRange>().low, in.frame.payload.size(), rule.as<RuleRange>().high);
    case 44:
    case 45:
    case 46:
    case 47:
    case 48: {
      const auto wanted = rule.as<RuleTag>();
      const Tag* mine = nullptr;
      for (const Tag& tag : in.config.tags) {
        if (tag.id == wanted.id) mine = &tag;
      }
      if (mine == nullptr) return 10;
      const Tag* theirs = in.remote ? in.remote->tag(wanted.id, in.config) : nullptr;
      if (theirs == nullptr) {
        if (in.inbound && !super) return 10;
        skip = 1;
        return 11;
      }
      const Number a = mine->value;
      const Number b = theirs->value;
      const int type = static_cast<int>(rule.type);
      if (type == 44) return (a > b ? a - b : b - a) <= wanted.value;
      if (type == 45) return (a & b) == wanted.value;
      if (type == 46) return (a | b) == wanted.value;
      if (type == 47) return (a ^ b) == wanted.value;
      return a == wanted.value && b == wanted.value;
    }
    case 49:
    case 50: {
      if (super) {
        skip = 1;
        return 11;
      }
      const auto wanted = rule.as<RuleTag>();
      const bool sender = static_cast<int>(rule.type) == 49;
      if (sender == in.inbound) {
        const Tag* theirs = in.remote ? in.remote->tag(wanted.id, in.config) : nullptr;
        if (theirs != nullptr) return theirs->value == wanted.value;
        if (sender) return 10;
        skip = 1;
        return 11;
      }
      for (const Tag& tag : in.config.tags) {
        if (tag.id == wanted.id) return tag.value == wanted.value;
      }
      return 10;
    }
    case 51: {
      const auto wanted = rule.as<RuleInteger>();
      const std::string h = hex(in.frame.payload);
      const std::size_t bits = wanted.bits();
      const std::size_t bytes = (bits + 7) / 8;
      Number value = 0;
      if (!wanted.is_little_endian()) {
        if (wanted.index + 8U <= in.frame.payload.size()) {
          value = number_at(h, wanted.index + 8 - bytes, bytes);
          if (bits < 64) value %= 1ULL << bits;
        }
      } else if (wanted.index + bytes <= in.frame.payload.size()) {
        std::string word(16 - 2 * bytes, '0');
        // Most significant byte last in the frame: reversed, then zeroes below.
        std::string reversed;
        for (std::size_t i = bytes; i-- > 0;) reversed += h.substr((wanted.index + i) * 2, 2);
        value = std::stoull(reversed + word, nullptr, 16) >> (64 - bits);
      }
      return between(wanted.start, value, wanted.start + wanted.span);
    }
    case 43:
      return (in.random.number() & 0xffffffff) <= rule.as<RuleProbability>().value;
    default:
      return (in.config.flags & 8) != 0;
  }
}

RuleOutcome slow_list(const Rules& rules, const RuleInput& in) {
  const Facts facts = facts_of(in);
  RuleOutcome out;
  int set = 1;
  int skip = 0;
  bool super = false;
  for (const Rule& rule : rules) {
    const int type = static_cast<int>(rule.type);
    if (type > 15) {
      if (set == 0 && !rule.is_or) continue;
      int m = judge(rule, in, facts, super, skip);
      if (m >= 10) {
        m -= 10;
      } else if (rule.negated) {
        m = 1 - m;
      }
      set = rule.is_or ? (set | m) : (set & m);
      continue;
    }
    const Address target = rule.as<RuleForward>().target;
    const bool forwards = type == 2 || type == 3 || type == 4;
    if (set == 0) {
      if (in.inbound && forwards && target == in.own) super = true;
      set = 1;
      continue;
    }
    if (type == 6) {
      out.result = RuleResult::Accept;
      return out;
    }
    if (type == 0) {
      if (skip != 0) {
        skip = 0;
        continue;
      }
      out.result = RuleResult::Drop;
      return out;
    }
    if (type == 1) {
      out.result = super ? RuleResult::SuperAccept : RuleResult::Accept;
      return out;
    }
    if (type == 5) break;
    if (!forwards || target == in.source) continue;
    if (target == in.own) {
      if (!in.inbound) continue;
      out.result = RuleResult::SuperAccept;
      return out;
    }
    if (target == in.destination) continue;
    if (type == 4) {
      out.result = RuleResult::Redirect;
      out.redirect_to = target;
      return out;
    }
    const std::size_t size = in.frame.payload.size();
    const std::size_t wanted = rule.as<RuleForward>().length;
    out.copy =
        RuleCopy{target, static_cast<std::uint16_t>(wanted == 0 || wanted > size ? size : wanted),
                 type == 3};
  }
  out.result = RuleResult::NoMatch;
  return out;
}

}  // namespace

FilterDecision slow_filter(const RuleInput& in) {
  std::vector<RuleOutcome> passed;
  const RuleOutcome base = slow_list(in.config.rules, in);
  if (base.result == RuleResult::Drop) return {};
  passed.push_back(base);
  if (base.result == RuleResult::NoMatch) {
    std::vector<Capability> capabilities = in.config.capabilities;
    if (in.inbound) {
      capabilities.clear();
      if (in.remote != nullptr) {
        for (const Capability& c : in.remote->capabilities()) {
          if (in.remote->is_in_force(c, in.config)) capabilities.push_back(c);
        }
      }
    }
    for (const Capability& capability : capabilities) {
      const RuleOutcome outcome = slow_list(capability.rules, in);
      if (outcome.result == RuleResult::NoMatch || outcome.result == RuleResult::Drop) continue;
      passed.push_back(outcome);
      break;
    }
    if (passed.size() == 1) return {};
  }
  FilterDecision decision;
  for (const RuleOutcome& outcome : passed) {
    if (outcome.copy) decision.copies[decision.copy_count++] = *outcome.copy;
  }
  decision.redirect_to = passed.back().redirect_to;
  const RuleResult result = passed.back().result;
  decision.verdict = result == RuleResult::Accept        ? FilterDecision::Verdict::Accept
                     : result == RuleResult::SuperAccept ? FilterDecision::Verdict::SuperAccept
                                                         : FilterDecision::Verdict::Redirect;
  return decision;
}

}  // namespace ztshim::vl2
