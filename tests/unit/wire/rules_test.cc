#include "service/wire/rules.h"

#include <gtest/gtest.h>

#include "tests/unit/wire/fixtures.h"

namespace ztshim {
namespace {

TEST(Rules, are_written_like_the_examples_of_the_notes) {
  const auto hex = [](Rule rule) { return to_hex(written(rule)); };
  EXPECT_EQ(hex({RuleType::EtherType, true, false, RuleNumber{0x0800}}), "a5020800");
  EXPECT_EQ(hex({RuleType::Ipv4Source, true, false, RuleIp{IpAddress::v4(0x0a000000), 8}}),
            "9f050a00000008");
  EXPECT_EQ(hex({RuleType::ActionTee, false, false, RuleForward{Address(0x0102030405), 0, 128}}),
            "020e00000001020304050000000000"
            "80");
  EXPECT_EQ(hex({RuleType::Icmp, false, false, RuleIcmp{8, 0, 1}}), "2603080001");
  EXPECT_EQ(hex({RuleType::IntegerRange, false, false, RuleInteger{5, 10, 12, 0x0f}}),
            "33130000000000000005000000000000000f000c0f");
}

TEST(Rules, an_integer_range_keeps_32_bits_of_its_span) {
  const Bytes binary = bytes_of("33 13 0000000000000001 0000000300000005 0000 00");
  const auto rules = parse_rules(binary);
  ASSERT_TRUE(rules);
  const auto range = rules->front().as<RuleInteger>();
  EXPECT_EQ(range.span, 4U);
  EXPECT_EQ(to_hex(written(rules->front())),
            "33130000000000000001000000000000000500"
            "0000");
}

TEST(Rules, a_field_that_is_too_short_for_its_type_is_a_bad_value) {
  EXPECT_EQ(parse_rules(bytes_of("25 01 08")).error(), ParseError::BadValue);
}

TEST(Rules, what_is_not_understood_is_passed_on_as_it_came) {
  // An unknown match, a field that has grown, an action that got an argument.
  for (const char* binary : {"3f03aabbcc", "25040800beef", "060107", "ff00"}) {
    const auto rules = parse_rules(bytes_of(binary));
    ASSERT_TRUE(rules) << binary;
    EXPECT_EQ(to_hex(written(rules->front())), binary);
  }
}

TEST(Rules, a_list_that_is_cut_off_is_truncated) {
  EXPECT_EQ(parse_rules(bytes_of("01 00 25 02 08")).error(), ParseError::Truncated);
}

TEST(Rules, a_list_beyond_the_limit_is_refused) {
  const Bytes three = bytes_of("0100 0100 0100");
  EXPECT_TRUE(parse_rules(three, 3));
  EXPECT_EQ(parse_rules(three, 2).error(), ParseError::TooMany);
}

TEST(Rules, one_put_together_wrongly_is_written_with_an_empty_operand_of_its_type) {
  const Rule rule{RuleType::Ipv6Source, false, false, RuleNumber{7}};
  EXPECT_EQ(written(rule).size(), 2U + 17U);
  EXPECT_EQ(rule.as<RuleIp>(), RuleIp{});
}

}  // namespace
}  // namespace ztshim
