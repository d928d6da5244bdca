#include "service/controller/rules_json.h"

#include <algorithm>
#include <array>

namespace ztshim::controller {

namespace {

template <typename Number>
Number number_of(const Json& rule, const char* key) {
  return static_cast<Number>(read_unsigned(member_of(rule, key), 0));
}

Address address_of(const Json& rule, const char* key) {
  return Address(hex_number(read_text(member_of(rule, key), "0")).value_or(0));
}

RuleOperand forward(const Json& rule) {
  return RuleForward{address_of(rule, "address"), number_of<std::uint32_t>(rule, "flags"),
                     number_of<std::uint16_t>(rule, "length")};
}

RuleOperand mac(const Json& rule) {
  // Separators are a matter of taste, the digits are not.
  std::string digits;
  for (const char c : read_text(member_of(rule, "mac"), "")) {
    if (c != ':' && c != '-' && c != '.') digits.push_back(c);
  }
  return RuleMac{MacAddress(hex_number(digits).value_or(0))};
}

// "10.1.0.0/16". Without a length the reference takes 0, which matches everything.
std::optional<RuleOperand> ip(const Json& rule, IpFamily family) {
  const std::string text = read_text(member_of(rule, "ip"), "");
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(std::string_view(text).substr(0, slash));
  if (!address || address->family() != family) return std::nullopt;
  std::uint64_t bits = 0;
  if (slash != std::string::npos) bits = read_unsigned(Json(text.substr(slash + 1)), 0);
  bits = std::min<std::uint64_t>(bits, address->bit_count());
  return RuleIp{*address, static_cast<std::uint8_t>(bits)};
}

RuleOperand icmp(const Json& rule) {
  const Json& code = member_of(rule, "icmpCode");
  return RuleIcmp{number_of<std::uint8_t>(rule, "icmpType"),
                  static_cast<std::uint8_t>(read_unsigned(code, 0)),
                  static_cast<std::uint8_t>(code.is_null() ? 0 : 1)};
}

RuleOperand range(const Json& rule) {
  const auto low = number_of<std::uint16_t>(rule, "start");
  return RuleRange{low, static_cast<std::uint16_t>(read_unsigned(member_of(rule, "end"), low))};
}

// Sixteen digits, because JSON numbers lose precision; a number is taken, too.
RuleOperand characteristics(const Json& rule) {
  const Json& mask = member_of(rule, "mask");
  const std::uint64_t bits = mask.is_string()
                                 ? hex_number(mask.get_ref<const std::string&>()).value_or(0)
                                 : read_unsigned(mask, 0);
  return RuleCharacteristics{bits};
}

std::optional<RuleType> type_of(const std::string& name) {
  for (unsigned number = 0; number < 64; ++number) {
    const auto type = static_cast<RuleType>(number);
    if (!name_of(type).empty() && name_of(type) == name) return type;
  }
  return std::nullopt;
}

std::optional<RuleOperand> operand_of(RuleType type, const Json& rule) {
  switch (type) {
    case RuleType::ActionDrop:
    case RuleType::ActionAccept:
    case RuleType::ActionBreak:
      return RuleOperand{};
    case RuleType::ActionTee:
    case RuleType::ActionWatch:
      return forward(rule);
    case RuleType::ActionRedirect:
      return RuleForward{address_of(rule, "address"), number_of<std::uint32_t>(rule, "flags"), 0};
    case RuleType::SourceAddress:
    case RuleType::DestinationAddress:
      return RuleNode{address_of(rule, "zt")};
    case RuleType::VlanId:
      return RuleNumber{number_of<std::uint16_t>(rule, "vlanId")};
    case RuleType::VlanPcp:
      return RuleNumber{number_of<std::uint8_t>(rule, "vlanPcp")};
    case RuleType::VlanDei:
      return RuleNumber{number_of<std::uint8_t>(rule, "vlanDei")};
    case RuleType::MacSource:
    case RuleType::MacDestination:
      return mac(rule);
    case RuleType::Ipv4Source:
    case RuleType::Ipv4Destination:
      return ip(rule, IpFamily::V4);
    case RuleType::Ipv6Source:
    case RuleType::Ipv6Destination:
      return ip(rule, IpFamily::V6);
    case RuleType::IpTos:
      return RuleTos{number_of<std::uint8_t>(rule, "mask"), number_of<std::uint8_t>(rule, "start"),
                     number_of<std::uint8_t>(rule, "end")};
    case RuleType::IpProtocol:
      return RuleNumber{number_of<std::uint8_t>(rule, "ipProtocol")};
    case RuleType::EtherType:
      return RuleNumber{number_of<std::uint16_t>(rule, "etherType")};
    case RuleType::Icmp:
      return icmp(rule);
    case RuleType::IpSourcePortRange:
    case RuleType::IpDestinationPortRange:
    case RuleType::FrameSizeRange:
      return range(rule);
    case RuleType::Characteristics:
      return characteristics(rule);
    case RuleType::Random:
      return RuleProbability{number_of<std::uint32_t>(rule, "probability")};
    case RuleType::TagsDifference:
    case RuleType::TagsBitwiseAnd:
    case RuleType::TagsBitwiseOr:
    case RuleType::TagsBitwiseXor:
    case RuleType::TagsEqual:
    case RuleType::TagSender:
    case RuleType::TagReceiver:
      return RuleTag{number_of<std::uint32_t>(rule, "id"), number_of<std::uint32_t>(rule, "value")};
    case RuleType::ActionPriority:
    case RuleType::IntegerRange:
      break;  // the reference's controller drops these; so do its members' administrators expect
  }
  return std::nullopt;
}

// Fills in the operand's keys.
struct OperandWriter {
  const Rule& rule;
  Json& json;

  void operator()(std::monostate) const {}
  void operator()(const RuleForward& o) const {
    json["address"] = o.target.text();
    json["flags"] = o.flags;
    if (rule.type != RuleType::ActionRedirect) json["length"] = o.length;
  }
  void operator()(const RuleNode& o) const { json["zt"] = o.address.text(); }
  void operator()(const RuleNumber& o) const {
    const char* key = rule.type == RuleType::VlanId       ? "vlanId"
                      : rule.type == RuleType::VlanPcp    ? "vlanPcp"
                      : rule.type == RuleType::VlanDei    ? "vlanDei"
                      : rule.type == RuleType::IpProtocol ? "ipProtocol"
                                                          : "etherType";
    json[key] = o.value;
  }
  void operator()(const RuleMac& o) const { json["mac"] = o.mac.text(); }
  void operator()(const RuleIp& o) const {
    json["ip"] = o.ip.text() + "/" + std::to_string(o.bits);
  }
  void operator()(const RuleTos& o) const {
    json["mask"] = o.mask;
    json["start"] = o.low;
    json["end"] = o.high;
  }
  void operator()(const RuleIcmp& o) const {
    json["icmpType"] = o.type;
    json["icmpCode"] = o.matches_code() ? Json(o.code) : Json(nullptr);
  }
  void operator()(const RuleRange& o) const {
    json["start"] = o.low;
    json["end"] = o.high;
  }
  void operator()(const RuleCharacteristics& o) const { json["mask"] = to_hex(o.mask, 16); }
  void operator()(const RuleProbability& o) const { json["probability"] = o.value; }
  void operator()(const RuleTag& o) const {
    json["id"] = o.id;
    json["value"] = o.value;
  }
  void operator()(const RuleInteger& o) const {
    json["start"] = to_hex(o.start, 16);
    json["end"] = to_hex(o.end(), 16);
    json["idx"] = o.index;
    json["bits"] = o.bits();
    json["little"] = o.is_little_endian();
  }
};

}  // namespace

std::optional<Rule> rule_from_json(const Json& json) {
  const auto type = type_of(read_text(member_of(json, "type"), ""));
  if (!type) return std::nullopt;
  const auto operand = operand_of(*type, json);
  if (!operand) return std::nullopt;
  Rule rule;
  rule.type = *type;
  rule.operand = *operand;
  if (!rule.is_action()) {
    rule.negated = read_bool(member_of(json, "not"), false);
    rule.is_or = read_bool(member_of(json, "or"), false);
  }
  return rule;
}

Json rule_to_json(const Rule& rule) {
  Json json = Json::object();
  json["type"] = std::string(name_of(rule.type));
  if (!rule.is_action()) {
    json["not"] = rule.negated;
    json["or"] = rule.is_or;
  }
  std::visit(OperandWriter{rule, json}, rule.operand);
  return json;
}

Rules rules_from_json(const Json& list, std::size_t max_count) {
  Rules rules;
  if (!list.is_array()) return rules;
  for (const Json& entry : list) {
    if (rules.size() >= max_count) break;
    if (auto rule = rule_from_json(entry)) rules.push_back(std::move(*rule));
  }
  return rules;
}

Json rules_to_json(const Rules& rules) {
  Json list = Json::array();
  for (const Rule& rule : rules) list.push_back(rule_to_json(rule));
  return list;
}

}  // namespace ztshim::controller
