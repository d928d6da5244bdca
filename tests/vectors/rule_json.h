// A rule in the controller's JSON form, for comparison with what the files say about it.
#pragma once

#include "common/ip_prefix.h"
#include "service/wire/rules.h"
#include "tests/vectors/vector_file.h"

namespace ztshim::vectors {

inline void add_operand(Json& json, const RuleOperand& operand, RuleType type) {
  if (const auto* forward = std::get_if<RuleForward>(&operand)) {
    json["address"] = forward->target.text();
    json["flags"] = forward->flags;
    if (type != RuleType::ActionRedirect) json["length"] = forward->length;
  } else if (const auto* node = std::get_if<RuleNode>(&operand)) {
    json["zt"] = node->address.text();
  } else if (const auto* number = std::get_if<RuleNumber>(&operand)) {
    const bool is_ether_type = type == RuleType::EtherType;
    const bool is_protocol = type == RuleType::IpProtocol;
    const char* vlan = type == RuleType::VlanId    ? "vlanId"
                       : type == RuleType::VlanPcp ? "vlanPcp"
                                                   : "vlanDei";
    json[is_ether_type ? "etherType" : is_protocol ? "ipProtocol" : vlan] = number->value;
  } else if (const auto* mac = std::get_if<RuleMac>(&operand)) {
    json["mac"] = mac->mac.text();
  } else if (const auto* ip = std::get_if<RuleIp>(&operand)) {
    json["ip"] = ip->ip.text() + '/' + std::to_string(ip->bits);
  } else if (const auto* tos = std::get_if<RuleTos>(&operand)) {
    json["mask"] = tos->mask;
    json["start"] = tos->low;
    json["end"] = tos->high;
  } else if (const auto* icmp = std::get_if<RuleIcmp>(&operand)) {
    json["icmpType"] = icmp->type;
    json["icmpCode"] = icmp->matches_code() ? Json(icmp->code) : Json();
  } else if (const auto* range = std::get_if<RuleRange>(&operand)) {
    json["start"] = range->low;
    json["end"] = range->high;
  } else if (const auto* characteristics = std::get_if<RuleCharacteristics>(&operand)) {
    json["mask"] = to_hex(characteristics->mask, 16);
  } else if (const auto* probability = std::get_if<RuleProbability>(&operand)) {
    json["probability"] = probability->value;
  } else if (const auto* tag = std::get_if<RuleTag>(&operand)) {
    json["id"] = tag->id;
    json["value"] = tag->value;
  } else if (const auto* integer = std::get_if<RuleInteger>(&operand)) {
    json["start"] = to_hex(integer->start, 16);
    json["end"] = to_hex(integer->end(), 16);
    json["idx"] = integer->index;
    json["bits"] = integer->bits();
    json["little"] = integer->is_little_endian();
  }
}

// Types that the controller's JSON has no name for are given by number.
inline Json rule_json(const Rule& rule) {
  Json json;
  if (name_of(rule.type).empty() || rule.type == RuleType::ActionPriority) {
    json["type_id"] = static_cast<int>(rule.type);
    return json;
  }
  json["type"] = std::string(name_of(rule.type));
  if (!rule.is_action()) {
    json["not"] = rule.negated;
    json["or"] = rule.is_or;
  }
  add_operand(json, rule.operand, rule.type);
  return json;
}

inline Json rules_json(const Rules& rules) {
  Json list = Json::array();
  for (const Rule& rule : rules) list.push_back(rule_json(rule));
  return list;
}

}  // namespace ztshim::vectors
