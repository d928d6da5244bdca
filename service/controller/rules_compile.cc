#include "service/controller/rules_compile.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "service/controller/rules_json.h"
#include "service/controller/rules_names.h"
#include "service/controller/rules_reader.h"
#include "service/wire/credentials/capability.h"
#include "service/wire/network_config_dictionary.h"

namespace ztshim::controller {
namespace {

constexpr std::uint64_t kMax32 = 0xffffffff;
constexpr std::string_view kActions[] = {"accept", "drop", "break", "tee", "watch", "redirect"};

bool is_action(std::string_view word) {
  return std::find(std::begin(kActions), std::end(kActions), word) != std::end(kActions);
}

struct Capability {
  std::uint32_t id = 0;
  bool is_default = false;
  Rules rules;
};
struct TagBlock {
  CompiledRules::Tag names;
  std::optional<std::uint32_t> default_value;
};

class Compiler {
 public:
  explicit Compiler(std::vector<Token> tokens) : in_(std::move(tokens)) {}

  CompiledRules compile();
  // First: names that rules may use before they are defined.
  void collect(const std::vector<Token>& tokens);

 private:
  // ---- blocks
  void macro_block();
  void tag_block();
  void capability_block();
  void include();
  void rule(Rules& to, std::size_t max);
  std::uint32_t tag_value(const CompiledRules::Tag& tag, std::string_view what);

  // ---- rules
  void matches(Rules& to);
  Rule match();
  Rule action(const Token& word);
  RuleOperand operand(const Token& word, RuleType& type);
  RuleOperand range(std::string_view what);
  RuleOperand ip(bool is_source, RuleType& type);
  RuleOperand icmp();
  RuleOperand tos();
  RuleOperand tag_pair();
  RuleOperand random();
  Address address();
  MacAddress mac();

  RulesReader in_;
  std::map<std::string, Macro> macros_;
  std::map<std::string, TagBlock> tags_;
  std::map<std::string, Capability> capabilities_;
  std::set<std::uint32_t> tag_ids_, capability_ids_;
  Rules rules_;
  bool is_collecting_ = false;
};

// ---- blocks

void Compiler::macro_block() {
  const Token at = in_.next();
  const std::string name = in_.name("a macro's name");
  Macro macro;
  if (in_.take_if("(")) {
    do {
      const Token parameter = in_.take();
      if (parameter.text.size() < 2 || parameter.text[0] != '$') {
        in_.expected(parameter, "a parameter like $port");
      }
      macro.parameters.push_back(parameter.text);
    } while (in_.take_if(","));
    in_.expect(")");
  }
  // Up to the semicolon that is not one of the body's own.
  for (unsigned depth = 0;;) {
    const Token word = in_.take();
    if (word.text.empty()) in_.fail(at, fmt::format("macro {} does not end with \";\"", name));
    if (word.text == "macro") in_.fail(word, "a macro cannot be made within a macro");
    if (word.text == ";") {
      if (depth == 0) break;
      --depth;
    }
    if (is_action(word.text) || word.text == "cap" || word.text == "tag") ++depth;
    macro.body.push_back(word);
  }
  if (!is_collecting_) return;
  if (!macros_.try_emplace(name, std::move(macro)).second) {
    in_.fail(at, fmt::format("there is a macro {} already", name));
  }
}

std::uint32_t Compiler::tag_value(const CompiledRules::Tag& tag, std::string_view what) {
  const Token word = in_.take();
  if (const auto value = parse_number(word.text); value && *value <= kMax32) {
    return static_cast<std::uint32_t>(*value);
  }
  if (const auto found = tag.enums.find(word.text); found != tag.enums.end()) return found->second;
  if (const auto found = tag.flags.find(word.text); found != tag.flags.end()) return found->second;
  in_.expected(word, what);
}

void Compiler::tag_block() {
  const Token at = in_.next();
  const std::string name = in_.name("a tag's name");
  TagBlock tag;
  bool has_id = false;
  std::optional<Token> default_word;
  while (!in_.take_if(";")) {
    const Token word = in_.take();
    if (word.text == "id") {
      tag.names.id = static_cast<std::uint32_t>(in_.number("a tag's id", kMax32));
      has_id = true;
    } else if (word.text == "enum") {
      const auto value = static_cast<std::uint32_t>(in_.number("a value", kMax32));
      tag.names.enums[in_.name("the value's name")] = value;
    } else if (word.text == "flag") {
      const auto bit = in_.number("a bit", 31);
      tag.names.flags[in_.name("the flag's name")] = 1U << bit;
    } else if (word.text == "default") {
      default_word = in_.take();  // may name what is defined behind it
    } else {
      in_.expected(word, "id, enum, flag, default or \";\"");
    }
  }
  if (!has_id) in_.fail(at, fmt::format("tag {} has no id", name));
  if (default_word && default_word->text != "none") {
    const std::string& text = default_word->text;
    if (const auto value = parse_number(text); value && *value <= kMax32) {
      tag.default_value = static_cast<std::uint32_t>(*value);
    } else if (tag.names.enums.contains(text)) {
      tag.default_value = tag.names.enums.at(text);
    } else if (tag.names.flags.contains(text)) {
      tag.default_value = tag.names.flags.at(text);
    } else {
      in_.expected(*default_word, "a value of this tag, one of its names or none");
    }
  }
  if (!is_collecting_) return;
  if (!tag_ids_.insert(tag.names.id).second) {
    in_.fail(at, fmt::format("another tag has the id {}", tag.names.id));
  }
  if (tags_.size() >= NetworkConfig::kMaxTags) in_.fail(at, "a network can have 128 tags");
  if (!tags_.try_emplace(name, std::move(tag)).second) {
    in_.fail(at, fmt::format("there is a tag {} already", name));
  }
}

void Compiler::capability_block() {
  const Token at = in_.next();
  const std::string name = in_.name("a capability's name");
  Capability capability;
  bool has_id = false;
  while (!in_.take_if(";")) {
    const Token word = in_.next();
    if (in_.take_if("id")) {
      capability.id = static_cast<std::uint32_t>(in_.number("a capability's id", kMax32));
      has_id = true;
    } else if (in_.take_if("default")) {
      capability.is_default = true;
    } else if (in_.take_if("include")) {
      include();
    } else if (is_action(word.text)) {
      rule(capability.rules, ztshim::Capability::kMaxRules);
    } else {
      in_.expected(word, "id, default, include, an action or \";\"");
    }
  }
  if (!has_id) in_.fail(at, fmt::format("capability {} has no id", name));
  if (!capability_ids_.insert(capability.id).second) {
    in_.fail(at, fmt::format("another capability has the id {}", capability.id));
  }
  if (capabilities_.size() >= NetworkConfig::kMaxCapabilities) {
    in_.fail(at, "a network can have 128 capabilities");
  }
  if (!capabilities_.try_emplace(name, std::move(capability)).second) {
    in_.fail(at, fmt::format("there is a capability {} already", name));
  }
}

void Compiler::include() {
  const Token at = in_.next();
  const std::string name = in_.name("a macro's name");
  const auto macro = macros_.find(name);
  if (macro == macros_.end()) in_.fail(at, fmt::format("there is no macro {}", name));
  std::vector<std::string> arguments;
  if (in_.take_if("(")) {
    do {
      const Token argument = in_.take();
      if (argument.text.empty() || argument.text == ")" || argument.text == ",") {
        in_.expected(argument, "an argument");
      }
      arguments.push_back(argument.text);
    } while (in_.take_if(","));
    in_.expect(")");
  }
  if (arguments.size() != macro->second.parameters.size()) {
    in_.fail(at, fmt::format("macro {} takes {} arguments, not {}", name,
                             macro->second.parameters.size(), arguments.size()));
  }
  in_.include(name, macro->second, arguments, at.place);
}

// ---- rules

void Compiler::rule(Rules& to, std::size_t max) {
  const Token word = in_.take();
  const Rule deed = action(word);
  matches(to);
  in_.expect(";");
  to.push_back(deed);
  if (to.size() > max) in_.fail(word, fmt::format("more than {} rules here", max));
}

void Compiler::matches(Rules& to) {
  for (bool is_first = true; in_.next().text != ";"; is_first = false) {
    const Token word = in_.next();
    const bool is_or = word.text == "or";
    if (is_or || word.text == "and") {
      if (is_first) in_.fail(word, fmt::format("nothing stands before \"{}\"", word.text));
      in_.take();
    }
    Rule next = match();
    next.is_or = is_or;
    to.push_back(std::move(next));
  }
}

Rule Compiler::match() {
  Rule rule;
  rule.negated = in_.take_if("not");
  const Token word = in_.take();
  rule.operand = operand(word, rule.type);
  return rule;
}

Rule Compiler::action(const Token& word) {
  Rule rule;
  if (word.text == "accept") {
    rule.type = RuleType::ActionAccept;
  } else if (word.text == "drop") {
    rule.type = RuleType::ActionDrop;
  } else if (word.text == "break") {
    rule.type = RuleType::ActionBreak;
  } else if (word.text == "redirect") {
    rule.type = RuleType::ActionRedirect;
    rule.operand = RuleForward{address(), 0, 0};
  } else {
    rule.type = word.text == "tee" ? RuleType::ActionTee : RuleType::ActionWatch;
    // -1, or 0: the whole frame.
    const auto length =
        in_.take_if("-1") ? 0 : in_.number("a length in bytes, or -1 for all", 0xffff);
    rule.operand = RuleForward{address(), 0, static_cast<std::uint16_t>(length)};
  }
  return rule;
}

RuleOperand Compiler::operand(const Token& word, RuleType& type) {
  const auto number_in = [&](RuleType of, std::string_view what, std::uint64_t max) {
    type = of;
    return RuleNumber{static_cast<std::uint16_t>(in_.number(what, max))};
  };
  const auto with = [&type](RuleType of, RuleOperand operand) {
    type = of;
    return operand;
  };
  const std::string& name = word.text;
  if (name == "ztsrc") return with(RuleType::SourceAddress, RuleNode{address()});
  if (name == "ztdest") return with(RuleType::DestinationAddress, RuleNode{address()});
  if (name == "vlan") return number_in(RuleType::VlanId, "a VLAN", 4095);
  if (name == "vlanpcp") return number_in(RuleType::VlanPcp, "a VLAN priority", 7);
  if (name == "vlandei") return number_in(RuleType::VlanDei, "a VLAN drop indicator", 1);
  if (name == "macsrc") return with(RuleType::MacSource, RuleMac{mac()});
  if (name == "macdest") return with(RuleType::MacDestination, RuleMac{mac()});
  if (name == "ipsrc") return ip(true, type);
  if (name == "ipdest") return ip(false, type);
  if (name == "iptos") return with(RuleType::IpTos, tos());
  if (name == "ethertype") {
    if (const auto known = ether_type_named(in_.next().text)) {
      in_.take();
      return with(RuleType::EtherType, RuleNumber{*known});
    }
    return number_in(RuleType::EtherType, "an ethertype's name or number", 0xffff);
  }
  if (name == "ipprotocol") {
    if (const auto known = ip_protocol_named(in_.next().text)) {
      in_.take();
      return with(RuleType::IpProtocol, RuleNumber{*known});
    }
    return number_in(RuleType::IpProtocol, "an IP protocol's name or number", 255);
  }
  if (name == "icmp") return with(RuleType::Icmp, icmp());
  if (name == "sport") return with(RuleType::IpSourcePortRange, range("a port"));
  if (name == "dport") return with(RuleType::IpDestinationPortRange, range("a port"));
  if (name == "framesize") return with(RuleType::FrameSizeRange, range("a size in bytes"));
  if (name == "random") return with(RuleType::Random, random());
  if (name == "chr") {
    if (const auto known = characteristic_named(in_.next().text)) {
      in_.take();
      return with(RuleType::Characteristics, RuleCharacteristics{*known});
    }
    const auto bit = in_.number("a characteristic's name, or a bit", 63);
    return with(RuleType::Characteristics, RuleCharacteristics{std::uint64_t{1} << bit});
  }
  struct OfTag {
    std::string_view name;
    RuleType type;
  };
  static constexpr OfTag kOfTags[] = {
      {"tdiff", RuleType::TagsDifference}, {"tand", RuleType::TagsBitwiseAnd},
      {"tor", RuleType::TagsBitwiseOr},    {"txor", RuleType::TagsBitwiseXor},
      {"teq", RuleType::TagsEqual},        {"tseq", RuleType::TagSender},
      {"treq", RuleType::TagReceiver}};
  for (const OfTag& known : kOfTags) {
    if (known.name == name) return with(known.type, tag_pair());
  }
  in_.expected(word, "a match (ethertype, ipprotocol, dport, chr, ipsrc, tseq, …) or \";\"");
}

// "80", "80-90", and the older "80 90".
RuleOperand Compiler::range(std::string_view what) {
  const Token word = in_.take();
  const auto dash = word.text.find('-');
  const auto low = parse_number(std::string_view(word.text).substr(0, dash));
  auto high = low;
  if (dash != std::string::npos) {
    high = parse_number(std::string_view(word.text).substr(dash + 1));
  } else if (const auto second = parse_number(in_.next().text)) {
    high = second;
    in_.take();
  }
  if (!low || !high || *low > 0xffff || *high > 0xffff) {
    in_.expected(word, fmt::format("{} (0 to 65535), or two with a \"-\" between", what));
  }
  if (*low > *high) in_.fail(word, "the range ends before it begins");
  return RuleRange{static_cast<std::uint16_t>(*low), static_cast<std::uint16_t>(*high)};
}

RuleOperand Compiler::ip(bool is_source, RuleType& type) {
  const Token word = in_.take();
  const auto slash = word.text.find('/');
  const auto address = IpAddress::parse(word.text.substr(0, slash));
  if (!address) in_.expected(word, "an IP address with or without /BITS");
  auto bits = std::optional<std::uint64_t>(address->bit_count());
  if (slash != std::string::npos) bits = parse_number(word.text.substr(slash + 1));
  if (!bits || *bits > address->bit_count()) {
    in_.expected(word, fmt::format("a prefix length (0 to {})", address->bit_count()));
  }
  if (address->is_v4()) {
    type = is_source ? RuleType::Ipv4Source : RuleType::Ipv4Destination;
  } else {
    type = is_source ? RuleType::Ipv6Source : RuleType::Ipv6Destination;
  }
  return RuleIp{*address, static_cast<std::uint8_t>(*bits)};
}

// "icmp 8 -1": any code; the code may be left out, which means the same.
RuleOperand Compiler::icmp() {
  RuleIcmp icmp;
  icmp.type = static_cast<std::uint8_t>(in_.number("an ICMP type", 255));
  if (in_.take_if("-1")) return icmp;
  if (parse_number(in_.next().text)) {
    icmp.code = static_cast<std::uint8_t>(in_.number("an ICMP code, or -1 for any", 255));
    icmp.flags = 1;
  }
  return icmp;
}

// "iptos MASK LOW[-HIGH]"
RuleOperand Compiler::tos() {
  const auto mask = static_cast<std::uint8_t>(in_.number("a mask", 255));
  const Token at = in_.next();
  const auto values = std::get<RuleRange>(range("a value of the TOS field"));
  if (values.high > 255) in_.expected(at, "a value of the TOS field (0 to 255)");
  return RuleTos{mask, static_cast<std::uint8_t>(values.low),
                 static_cast<std::uint8_t>(values.high)};
}

RuleOperand Compiler::tag_pair() {
  const Token word = in_.take();
  if (const auto id = parse_number(word.text); id && *id <= kMax32) {
    const auto named = std::find_if(tags_.begin(), tags_.end(), [&](const auto& entry) {
      return entry.second.names.id == *id;
    });
    const CompiledRules::Tag unknown;
    return RuleTag{
        static_cast<std::uint32_t>(*id),
        tag_value(named == tags_.end() ? unknown : named->second.names, "a value of the tag")};
  }
  const auto tag = tags_.find(word.text);
  if (tag == tags_.end()) in_.expected(word, "a tag's name or id");
  return RuleTag{
      tag->second.names.id,
      tag_value(tag->second.names, fmt::format("a value of tag {}, or a name of one", word.text))};
}

// A probability from 0 to 1.
RuleOperand Compiler::random() {
  const Token word = in_.take();
  double value = -1;
  const auto [end, error] =
      std::from_chars(word.text.data(), word.text.data() + word.text.size(), value);
  if (error != std::errc() || end != word.text.data() + word.text.size() || !(value >= 0) ||
      value > 1) {
    in_.expected(word, "a probability from 0 to 1");
  }
  return RuleProbability{
      static_cast<std::uint32_t>(std::floor(value * static_cast<double>(kMax32)))};
}

Address Compiler::address() {
  const Token word = in_.take();
  const auto address = Address::parse(word.text);
  if (!address || word.text.size() != 10) {
    in_.expected(word, "a node's address of ten hexadecimal digits");
  }
  return *address;
}

MacAddress Compiler::mac() {
  const Token word = in_.take();
  std::string digits;
  for (const char c : word.text) {
    if (c != ':' && c != '-' && c != '.') digits += c;
  }
  const auto number = hex_number(digits);
  if (!number || digits.size() != 12) {
    in_.expected(word, "a MAC address like 32:0c:6b:00:00:01");
  }
  return MacAddress(*number);
}

// ---- all together

// Macros and tags of the source itself, wherever they stand. Everything else is skipped by looking
// for the words that open them where a block may begin.
void Compiler::collect(const std::vector<Token>& tokens) {
  is_collecting_ = true;
  RulesReader source(tokens);
  std::swap(in_, source);
  unsigned depth = 0;
  while (!in_.is_at_end()) {
    const Token word = in_.take();
    if (depth == 0 && word.text == "macro") {
      macro_block();
    } else if (depth == 0 && word.text == "tag") {
      tag_block();
    } else if (word.text == "cap" || is_action(word.text)) {
      ++depth;
    } else if (word.text == ";" && depth > 0) {
      --depth;
    }
  }
  std::swap(in_, source);
  is_collecting_ = false;
}

CompiledRules Compiler::compile() {
  while (!in_.is_at_end()) {
    const Token word = in_.next();
    if (in_.take_if("macro")) {
      macro_block();
    } else if (in_.take_if("tag")) {
      tag_block();
    } else if (in_.take_if("cap")) {
      capability_block();
    } else if (in_.take_if("include")) {
      include();
    } else if (is_action(word.text)) {
      rule(rules_, kMaxNetworkRules);
    } else {
      in_.expected(word,
                   "an action (accept, drop, break, tee, watch, redirect), macro, include, "
                   "tag or cap");
    }
  }
  CompiledRules compiled;
  compiled.rules = rules_to_json(rules_);
  std::map<std::uint32_t, Json> sorted;
  for (const auto& [name, capability] : capabilities_) {
    compiled.capability_ids[name] = capability.id;
    sorted[capability.id] = {{"id", capability.id},
                             {"default", capability.is_default},
                             {"rules", rules_to_json(capability.rules)}};
  }
  for (const auto& [id, json] : sorted) compiled.capabilities.push_back(json);
  sorted.clear();
  for (const auto& [name, tag] : tags_) {
    compiled.tag_names[name] = tag.names;
    sorted[tag.names.id] = {{"id", tag.names.id},
                            {"default", tag.default_value ? Json(*tag.default_value) : Json()}};
  }
  for (const auto& [id, json] : sorted) compiled.tags.push_back(json);
  return compiled;
}

}  // namespace

std::string RulesError::text() const {
  std::string text = fmt::format("{}:{}: {}", place.line, place.column, reason);
  for (const std::string& macro : through) text += " (in " + macro + ")";
  return text;
}

Json CompiledRules::fields() const {
  return {{"rules", rules}, {"capabilities", capabilities}, {"tags", tags}};
}

Json CompiledRules::with_names() const {
  Json json = fields();
  json["capabilitiesByName"] = capability_ids;
  json["tagsByName"] = Json::object();
  for (const auto& [name, tag] : tag_names) {
    json["tagsByName"][name] = {{"id", tag.id}, {"enums", tag.enums}, {"flags", tag.flags}};
  }
  return json;
}

Result<CompiledRules, RulesError> compile_rules(std::string_view source) {
  try {
    const std::vector<Token> tokens = tokens_of(source);
    Compiler compiler(tokens);
    compiler.collect(tokens);
    return compiler.compile();
  } catch (const RulesMistake& mistake) {
    return failure(mistake.error);
  }
}

}  // namespace ztshim::controller
