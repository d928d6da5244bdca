// rules.json, its binary parts. Making rules from JSON is the controller's, judging frames VL2's.
#include "service/wire/rules.h"

#include "tests/vectors/rule_json.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

Bytes binary_of(const Rules& rules) {
  Bytes bytes;
  Writer out(bytes);
  write_rules(out, rules);
  return bytes;
}

VECTOR_SUITE(RuleEncoding, "rules.json", "encoding");

TEST_P(RuleEncoding, binary_and_json_say_the_same) {
  const auto rules = parse_rules(bytes("binary"));
  ASSERT_TRUE(rules);
  ASSERT_EQ(rules->size(), 1U);
  EXPECT_EQ(to_hex(bytes("binary").front(), 2), text("type_byte"));
  EXPECT_EQ(rule_json(rules->front()), data().at("json_out"));
  EXPECT_EQ(to_hex(binary_of(*rules)), text("binary"));
}

VECTOR_SUITE(RuleDecode, "rules.json", "binary_decode");

TEST_P(RuleDecode, reads_or_refuses_as_recorded) {
  const auto rules = parse_rules(bytes("binary"));
  ASSERT_EQ(rules.has_value(), flag("ok"));
  if (!rules) return;
  EXPECT_EQ(bytes("binary").size(), number("consumed"));
  EXPECT_EQ(rules_json(*rules), data().at("rules"));
  EXPECT_EQ(to_hex(binary_of(*rules)), text("binary")) << "nothing is lost";
  // The reference writes only what it understands.
  Rules understood = *rules;
  for (Rule& rule : understood) rule.surplus.clear();
  EXPECT_EQ(to_hex(binary_of(understood)), text("reserialized"));
}

VECTOR_SUITE(RuleTables, "rules.json", "rule_sets");

void expect_rules(const Json& recorded) {
  const auto rules = parse_rules(hex_bytes(recorded.at("rules_binary")));
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules_json(*rules), recorded.at("rules"));
  EXPECT_EQ(to_hex(binary_of(*rules)), recorded.at("rules_binary"));
}

TEST_P(RuleTables, binary_and_json_say_the_same) {
  expect_rules(data());
  if (!has("capabilities")) return;
  for (const Json& capability : data().at("capabilities")) expect_rules(capability);
}

TEST(RuleTypes, have_the_recorded_numbers) {
  const Json& values = file("rules.json").at("type_values");
  ASSERT_FALSE(values.empty());
  for (const auto& [name, value] : values.items()) {
    // The controller's JSON leaves out the prefix in this one name.
    const std::string expected = name == "MATCH_INTEGER_RANGE" ? "INTEGER_RANGE" : name;
    EXPECT_EQ(name_of(static_cast<RuleType>(value.get<int>())), expected);
  }
}

}  // namespace
}  // namespace ztshim::vectors
